/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * /dev/lightcardN: what a program asks of the Linux driver.
 *
 * Commands are those of lightcard_abi.h. Host memory a command names must come from LCD_IOC_ALLOC of the same open file:
 * the driver looks at every pointer, and replaces the file's addresses by bus addresses, which no program ever sees.
 * Little-endian hosts only, as the card. Padding-free; sizes are asserted below.
 */
#ifndef LIGHTCARD_UAPI_H
#define LIGHTCARD_UAPI_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

#include "lightcard_abi.h"

#define LCD_API_VERSION 1u
#define LCD_MAX_RECORDS 16384u   /* of one EXEC: the driver checks a copy of them, in contiguous memory */
#define LCD_MAX_ADMIN_DATA 65536u

/* LCD_IOC_INFO: constant while the card is bound. */
struct lcd_info {
	uint32_t api_version;   /* LCD_API_VERSION of the driver */
	uint32_t card_version;  /* VERSION register */
	uint64_t features;      /* FEATURES register */
	uint32_t queues;        /* I/O queues that the driver made */
	uint32_t queue_entries; /* entries of each; one less may be in flight */
	uint32_t vectors;       /* MSI-X vectors in use */
	uint32_t rsvd;
	char bus_name[32];      /* PCI address, NUL-terminated */
	struct lc_identify identity;
};

/* LCD_IOC_STATUS: registers, read now. All ones: the card is gone. */
struct lcd_status {
	uint32_t csts, boot_status, boot_err, reset_count, reset_cause;
	uint32_t err_status, err_pending; /* register; units reported since the driver came up (LC_ERR_STATUS_*) */
	uint32_t pwr_status, heartbeat;
	uint32_t events;        /* asynchronous events that the driver has seen */
	uint32_t recoveries;    /* times the driver brought the card up again */
	uint32_t state;         /* LCD_STATE_* */
	uint64_t err_first, time_ns, weight_gen;
};
#define LCD_STATE_READY 0u
#define LCD_STATE_RESETTING 1u
#define LCD_STATE_FAILED 2u /* could not be brought up again; LCD_IOC_RESET tries once more */
#define LCD_STATE_GONE 3u

/*
 * LCD_IOC_ALLOC: memory that the card can reach. `address` is the offset for mmap() and the offset of LC_SPACE_HOST
 * pointers. LCD_IOC_FREE takes it back; commands in flight and mappings keep it alive.
 */
struct lcd_buffer {
	uint64_t bytes; /* in: at least 1; rounded up to pages */
	uint64_t address;
};

/*
 * LCD_IOC_SUBMIT: one command into this file's queue; waits for room unless the file is O_NONBLOCK (EAGAIN).
 * `operands`: user pointer to LC_OPERAND_BYTES, or 0. sqe.cid is ignored. EXEC needs operands, and its records in host
 * memory: the driver runs a checked copy.
 *
 * EOPNOTSUPP: an opcode the driver does not know; EFAULT: a host pointer outside this file's memory; ENODEV: gone;
 * EIO: the card is down and could not be brought up.
 */
struct lcd_submit {
	uint64_t operands;
	uint32_t flags;  /* 0 */
	uint32_t handle; /* out: for LCD_IOC_WAIT and LCD_IOC_ABORT */
	struct lc_sqe sqe;
};

/* LCD_IOC_WAIT: the completion of one command, once. ETIME: not yet; the handle stays. A reset ends a command with
 * LC_SC_ABORTED_QUEUE. timeout_ms 0 only looks. */
struct lcd_wait {
	uint32_t handle;
	uint32_t timeout_ms;
	uint64_t submitted_ns, completed_ns; /* CLOCK_MONOTONIC, at the doorbell and in the interrupt */
	struct lc_cqe cqe;
};

/* LCD_IOC_ADMIN: one admin command; `data` (user pointer) takes what the card writes to dst, or gives what it reads at
 * src. All but IDENTIFY, GET_LOG_PAGE and GET_FEATURE need CAP_SYS_ADMIN; queues and ASYNC_EVENT are the driver's own. */
struct lcd_admin {
	struct lc_sqe sqe;
	uint64_t data;
	uint32_t bytes;
	uint32_t flags; /* LCD_ADMIN_TO_CARD: data is read by the card */
	struct lc_cqe cqe;
};
#define LCD_ADMIN_TO_CARD 1u

/* LCD_IOC_TELEMETRY: the table of lightcard_abi.h, read now. Temperatures, power and energy are in hwmon as well. */
struct lcd_telemetry {
	uint64_t entries;    /* user pointer to struct lc_telemetry[count] */
	uint32_t count;      /* in: room for so many; out: so many the card has */
	uint32_t generation; /* TELEM_GEN register */
};

#define LCD_IOC_MAGIC 0xfc
#define LCD_IOC_INFO _IOR(LCD_IOC_MAGIC, 0x00, struct lcd_info)
#define LCD_IOC_STATUS _IOR(LCD_IOC_MAGIC, 0x01, struct lcd_status)
#define LCD_IOC_ALLOC _IOWR(LCD_IOC_MAGIC, 0x02, struct lcd_buffer)
#define LCD_IOC_FREE _IOW(LCD_IOC_MAGIC, 0x03, struct lcd_buffer)
#define LCD_IOC_SUBMIT _IOWR(LCD_IOC_MAGIC, 0x04, struct lcd_submit)
#define LCD_IOC_WAIT _IOWR(LCD_IOC_MAGIC, 0x05, struct lcd_wait)
#define LCD_IOC_ABORT _IOW(LCD_IOC_MAGIC, 0x06, uint32_t) /* handle; its completion still comes */
#define LCD_IOC_ADMIN _IOWR(LCD_IOC_MAGIC, 0x07, struct lcd_admin)
#define LCD_IOC_RESET _IO(LCD_IOC_MAGIC, 0x08)            /* controller reset; CAP_SYS_ADMIN */
#define LCD_IOC_TELEMETRY _IOWR(LCD_IOC_MAGIC, 0x09, struct lcd_telemetry)

LC_ASSERT_SIZE(lcd_info, 576);
LC_ASSERT_SIZE(lcd_status, 72);
LC_ASSERT_SIZE(lcd_buffer, 16);
LC_ASSERT_SIZE(lcd_submit, 80);
LC_ASSERT_SIZE(lcd_wait, 40);
LC_ASSERT_SIZE(lcd_admin, 96);
LC_ASSERT_SIZE(lcd_telemetry, 16);

#endif
