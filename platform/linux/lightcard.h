/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * lightcard PCI driver: what its files share.
 *
 * lightcard_main.c        probe, remove, error and reset handlers, power management, watchdog
 * lightcard_controller.c  registers: is it there, boot, CC.EN, recovery
 * lightcard_queue.c       rings, doorbells, interrupts, requests
 * lightcard_admin.c       admin commands, I/O queues, asynchronous events
 * lightcard_buffer.c      DMA memory of an open file
 * lightcard_check.c       host pointers of commands: none but the file's own
 * lightcard_char.c        /dev/lightcardN
 * lightcard_telemetry.c   the telemetry table, hwmon
 */
#ifndef LIGHTCARD_H
#define LIGHTCARD_H

#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "lightcard_abi.h"
#include "lightcard_regs.h"
#include "lightcard_uapi.h"

#define LCD_NAME "lightcard"
#define LCD_BAR 0
#define LCD_ALL_ONES 0xffffffffu
#define LCD_ADMIN_ENTRIES 32u
#define LCD_IO_ENTRIES 256u
#define LCD_MAX_IO_QUEUES 4u
#define LCD_EVENTS 2u             /* ASYNC_EVENT commands kept with the card */
#define LCD_MAX_BUFFERS 4096u       /* of one open file */
#define LCD_ADMIN_TIMEOUT_MS 10000u
#define LCD_DRAIN_TIMEOUT_MS 2000u /* of an aborted command, when its file is closed */
#define LCD_WATCHDOG_MS 1000u
#define LCD_OPERAND_SLOT 256u     /* LC_OPERAND_BYTES, so that no block straddles a page */

struct lcd_card;
struct lcd_file;
struct lcd_hwmon;

/* DMA memory of one open file. `memory` goes with the last of handle, mappings and commands, or with the card. */
struct lcd_memory {
	struct kref refs;
	struct lcd_card *card;
	struct list_head entry; /* of card->memories, under card->memory_lock */
	void *host;             /* NULL once the card is gone */
	dma_addr_t bus;
	size_t bytes;
	u64 address;            /* in the file */
};

/* One command; whoever submits it keeps it until it is done. */
struct lcd_request {
	struct kref refs;
	struct lcd_card *card;
	struct lc_sqe sqe;
	u8 operands[LC_OPERAND_BYTES];
	bool has_operands;
	struct lcd_queue *queue; /* where it is or was */
	bool waited_for;         /* by LCD_IOC_WAIT */
	bool done;               /* cqe is valid; written before waking */
	struct lc_cqe cqe;
	u64 submitted_ns, completed_ns;
	struct lcd_memory *records;  /* checked copy of EXEC's buffer */
	struct lcd_memory **used;    /* memory that must outlive the command */
	u32 used_count;
	void (*complete)(struct lcd_request *request); /* in interrupt context; may be NULL */
};

struct lcd_queue {
	struct lcd_card *card;
	u16 id, entries, vector;
	bool live;               /* may be submitted to */
	bool irq_requested;
	spinlock_t lock;         /* all below */
	struct lc_sqe *sq;
	struct lc_cqe *cq;
	u8 *operands;
	dma_addr_t sq_bus, cq_bus, operands_bus;
	u16 tail, card_head, cq_head;
	u8 phase;
	u16 free_count;
	u16 *free_cids;
	struct lcd_request **requests; /* by cid */
	u64 strays;
	wait_queue_head_t wait;  /* completions and room */
};

struct lcd_card {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct pci_saved_state *saved; /* configuration of probe time */
	int minor;
	struct device dev;       /* the card lives as long as it: binding and open files hold it */
	struct cdev cdev;

	/* Held for reading by whoever uses the card, for writing by whoever resets it. */
	struct rw_semaphore reset_lock;
	u32 state;               /* LCD_STATE_*; written under reset_lock */
	u32 reset_count;         /* RESET_COUNT as of our last bring-up */
	u32 recoveries;

	u32 version, max_entries, max_queues, ready_ms;
	u64 features;
	struct lc_identify identity;

	u32 vectors;
	struct lcd_queue admin;
	struct lcd_queue io[LCD_MAX_IO_QUEUES];
	u32 io_queues;
	atomic_t next_queue;

	struct lcd_request *events[LCD_EVENTS];
	struct work_struct event_work;
	u32 event_count, error_units;
	struct delayed_work watchdog;
	u32 heartbeat;            /* as of the watchdog's last look, at heartbeat_at; only the watchdog's */
	unsigned long heartbeat_at;
	bool was_busy;

	struct mutex telemetry_lock; /* the table latches for one reader; taken inside reset_lock */
	struct lcd_hwmon *hwmon;     /* NULL: none */

	struct mutex files_lock;
	struct list_head files;
	spinlock_t memory_lock;
	struct list_head memories;
};

struct lcd_file {
	struct lcd_card *card;
	struct file *file;
	struct list_head entry; /* of card->files */
	struct lcd_queue *queue;
	struct mutex lock;      /* memories, next_address */
	struct maple_tree memories;
	u64 next_address;
	u32 memory_count;
	struct xarray requests; /* by handle */
};

static inline u32 lcd_read(struct lcd_card *card, u32 offset)
{
	return readl(card->regs + offset);
}

static inline u64 lcd_read64(struct lcd_card *card, u32 offset)
{
	return lo_hi_readq(card->regs + offset);
}

static inline void lcd_write(struct lcd_card *card, u32 offset, u32 value)
{
	writel(value, card->regs + offset);
}

/* lightcard_main.c */
bool lcd_reach(struct lcd_card *card);

/* lightcard_controller.c */
int lcd_probe_registers(struct lcd_card *card);
int lcd_wait_boot(struct lcd_card *card);
int lcd_enable(struct lcd_card *card);
int lcd_disable(struct lcd_card *card);
void lcd_notify_shutdown(struct lcd_card *card);
int lcd_bring_up(struct lcd_card *card);
void lcd_bring_down(struct lcd_card *card, bool orderly);
int lcd_recover(struct lcd_card *card);

/* lightcard_queue.c */
int lcd_queue_alloc(struct lcd_card *card, struct lcd_queue *queue, u16 id, u16 entries);
void lcd_queue_free(struct lcd_queue *queue);
void lcd_queue_restart(struct lcd_queue *queue);
void lcd_queue_fail(struct lcd_queue *queue, u16 status);
int lcd_queue_irq_request(struct lcd_queue *queue);
void lcd_queue_irq_free(struct lcd_queue *queue);
bool lcd_queue_poll(struct lcd_queue *queue);
u32 lcd_queue_in_flight(struct lcd_queue *queue);
struct lcd_request *lcd_request_new(struct lcd_card *card, gfp_t gfp);
void lcd_request_put(struct lcd_request *request);
void lcd_request_abandon(struct lcd_request *request);
int lcd_submit(struct lcd_queue *queue, struct lcd_request *request);
long lcd_wait_request(struct lcd_request *request, unsigned long timeout, bool interruptible);

/* lightcard_admin.c */
int lcd_admin(struct lcd_card *card, const struct lc_sqe *sqe, struct lc_cqe *cqe);
int lcd_admin_data(struct lcd_card *card, struct lc_sqe *sqe, void *data, u32 bytes, bool to_card, struct lc_cqe *cqe);
int lcd_identify(struct lcd_card *card);
int lcd_create_queues(struct lcd_card *card);
void lcd_delete_queues(struct lcd_card *card);
void lcd_abort(struct lcd_request *request);
void lcd_arm_events(struct lcd_card *card);
void lcd_event_work(struct work_struct *work);

/* lightcard_buffer.c */
struct lcd_memory *lcd_memory_new(struct lcd_card *card, size_t bytes);
void lcd_memory_put(struct lcd_memory *memory);
void lcd_memory_revoke_all(struct lcd_card *card);
int lcd_buffer_alloc(struct lcd_file *file, struct lcd_buffer *wanted);
int lcd_buffer_free(struct lcd_file *file, u64 address);
void lcd_buffer_free_all(struct lcd_file *file);
int lcd_buffer_mmap(struct lcd_file *file, struct vm_area_struct *vma);
/* Memory that holds [address, address + bytes), with a reference; ERR_PTR(-EFAULT) if none does. */
struct lcd_memory *lcd_buffer_find(struct lcd_file *file, u64 address, u64 bytes);

/* lightcard_check.c */
int lcd_check(struct lcd_file *file, struct lcd_request *request);

/* lightcard_telemetry.c */
long lcd_ioc_telemetry(struct lcd_card *card, void __user *argument);
void lcd_hwmon_add(struct lcd_card *card);
void lcd_hwmon_remove(struct lcd_card *card);

/* lightcard_char.c */
int lcd_char_init(void);
void lcd_char_exit(void);
int lcd_char_prepare(struct lcd_card *card);
int lcd_char_add(struct lcd_card *card);
void lcd_char_remove(struct lcd_card *card);
void lcd_char_forget(struct lcd_card *card);

#endif
