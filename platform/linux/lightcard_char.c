// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* /dev/lightcardN: lightcard_uapi.h says what each call does. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "lightcard.h"

#define LCD_MINORS 64

static dev_t lcd_devt;
static const struct class lcd_class = { .name = LCD_NAME };
static DEFINE_IDA(lcd_minors);

static int lcd_open(struct inode *inode, struct file *filp)
{
	struct lcd_card *card = container_of(inode->i_cdev, struct lcd_card, cdev);
	struct lcd_file *file = kzalloc(sizeof(*file), GFP_KERNEL);
	int ret = 0;

	if (!file)
		return -ENOMEM;
	file->card = card;
	file->file = filp;
	file->next_address = 0x100000000ull;
	mutex_init(&file->lock);
	mt_init_flags(&file->memories, 0);
	xa_init_flags(&file->requests, XA_FLAGS_ALLOC1);
	mutex_lock(&card->files_lock);
	if (card->state == LCD_STATE_GONE)
		ret = -ENODEV;
	else
		list_add(&file->entry, &card->files);
	mutex_unlock(&card->files_lock);
	if (ret) {
		kfree(file);
		return ret;
	}
	file->queue = &card->io[(u32)atomic_inc_return(&card->next_queue) % card->io_queues];
	filp->private_data = file;
	return 0;
}

/* Ends a command that nobody will wait for: asks the card, then resets it, so that it cannot write into freed memory. */
static void lcd_drain(struct lcd_request *request)
{
	struct lcd_card *card = request->card;
	bool done = lcd_wait_request(request, 1, false);

	if (!done) {
		down_read(&card->reset_lock);
		if (card->state == LCD_STATE_READY) {
			lcd_abort(request);
			done = lcd_wait_request(request, msecs_to_jiffies(LCD_DRAIN_TIMEOUT_MS), false);
		}
		up_read(&card->reset_lock);
	}
	if (!done && !smp_load_acquire(&request->done)) {
		dev_warn(&card->pdev->dev, "queue %u: command %u does not end, resetting\n", request->queue->id,
			 request->sqe.cid);
		down_write(&card->reset_lock);
		if (!smp_load_acquire(&request->done))
			lcd_recover(card);
		up_write(&card->reset_lock);
	}
	lcd_request_put(request);
}

static int lcd_release(struct inode *inode, struct file *filp)
{
	struct lcd_file *file = filp->private_data;
	struct lcd_card *card = file->card;
	struct lcd_request *request;
	unsigned long index;

	xa_for_each(&file->requests, index, request)
		lcd_drain(request);
	xa_destroy(&file->requests);
	lcd_buffer_free_all(file);
	mutex_lock(&card->files_lock);
	list_del(&file->entry);
	mutex_unlock(&card->files_lock);
	kfree(file);
	return 0;
}

/* Holding reset_lock for reading. */
static int lcd_usable(struct lcd_card *card)
{
	switch (card->state) {
	case LCD_STATE_READY:
		return 0;
	case LCD_STATE_GONE:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static long lcd_ioc_info(struct lcd_card *card, void __user *argument)
{
	struct lcd_info info = {
		.api_version = LCD_API_VERSION,
		.card_version = card->version,
		.features = card->features,
		.queues = card->io_queues,
		.queue_entries = card->io[0].entries,
		.vectors = card->vectors,
		.identity = card->identity,
	};

	strscpy(info.bus_name, pci_name(card->pdev), sizeof(info.bus_name));
	return copy_to_user(argument, &info, sizeof(info)) ? -EFAULT : 0;
}

static long lcd_ioc_status(struct lcd_card *card, void __user *argument)
{
	struct lcd_status status = {
		.csts = lcd_read(card, LC_REG_CSTS),
		.boot_status = lcd_read(card, LC_REG_BOOT_STATUS),
		.boot_err = lcd_read(card, LC_REG_BOOT_ERR),
		.reset_count = lcd_read(card, LC_REG_RESET_COUNT),
		.reset_cause = lcd_read(card, LC_REG_RESET_CAUSE),
		.err_status = lcd_read(card, LC_REG_ERR_STATUS),
		.err_pending = card->error_units,
		.pwr_status = lcd_read(card, LC_REG_PWR_STATUS),
		.heartbeat = lcd_read(card, LC_REG_HEARTBEAT),
		.events = card->event_count,
		.recoveries = card->recoveries,
		.state = card->state,
		.err_first = lcd_read64(card, LC_REG_ERR_FIRST),
		.time_ns = lcd_read64(card, LC_REG_TIME_NS),
		.weight_gen = lcd_read64(card, LC_REG_WEIGHT_GEN),
	};

	return copy_to_user(argument, &status, sizeof(status)) ? -EFAULT : 0;
}

static long lcd_ioc_alloc(struct lcd_file *file, void __user *argument)
{
	struct lcd_buffer buffer;
	int ret;

	if (copy_from_user(&buffer, argument, sizeof(buffer)))
		return -EFAULT;
	ret = lcd_buffer_alloc(file, &buffer);
	if (ret)
		return ret;
	if (copy_to_user(argument, &buffer, sizeof(buffer))) {
		lcd_buffer_free(file, buffer.address);
		return -EFAULT;
	}
	return 0;
}

static long lcd_ioc_free(struct lcd_file *file, void __user *argument)
{
	struct lcd_buffer buffer;

	if (copy_from_user(&buffer, argument, sizeof(buffer)))
		return -EFAULT;
	return lcd_buffer_free(file, buffer.address);
}

static bool lcd_room(struct lcd_queue *queue)
{
	return READ_ONCE(queue->free_count) || !READ_ONCE(queue->live);
}

static long lcd_ioc_submit(struct lcd_file *file, void __user *argument)
{
	struct lcd_card *card = file->card;
	struct lcd_submit __user *user = argument;
	struct lcd_submit submit;
	struct lcd_request *request;
	u32 handle;
	long ret;

	if (copy_from_user(&submit, argument, sizeof(submit)))
		return -EFAULT;
	if (submit.flags)
		return -EINVAL;
	ret = lcd_usable(card);
	if (ret)
		return ret;
	request = lcd_request_new(card, GFP_KERNEL_ACCOUNT);
	if (!request)
		return -ENOMEM;
	request->sqe = submit.sqe;
	request->has_operands = submit.operands;
	ret = -EFAULT;
	if (submit.operands && copy_from_user(request->operands, u64_to_user_ptr(submit.operands), LC_OPERAND_BYTES))
		goto put;
	ret = lcd_check(file, request);
	if (!ret)
		ret = xa_alloc(&file->requests, &handle, NULL, xa_limit_31b, GFP_KERNEL); /* not findable yet */
	if (ret)
		goto put;
	ret = -EFAULT;
	if (put_user(handle, &user->handle))
		goto erase;
	ret = lcd_submit(file->queue, request);
	if (ret)
		goto erase;
	xa_store(&file->requests, handle, request, GFP_KERNEL); /* the entry is there: allocates nothing */
	return 0;
erase:
	xa_erase(&file->requests, handle);
put:
	lcd_request_put(request);
	return ret;
}

/* By handle, with a reference; NULL if there is none, or if somebody else waits for it already. */
static struct lcd_request *lcd_request_get(struct lcd_file *file, u32 handle, bool to_wait)
{
	struct lcd_request *request;

	xa_lock(&file->requests);
	request = xa_load(&file->requests, handle);
	if (request && to_wait && request->waited_for)
		request = NULL;
	if (request) {
		kref_get(&request->refs);
		if (to_wait)
			request->waited_for = true;
	}
	xa_unlock(&file->requests);
	return request;
}

static long lcd_ioc_wait(struct lcd_file *file, void __user *argument)
{
	struct lcd_request *request;
	struct lcd_wait wait;
	long left;

	if (copy_from_user(&wait, argument, sizeof(wait)))
		return -EFAULT;
	request = lcd_request_get(file, wait.handle, true);
	if (!request)
		return -EINVAL;
	left = lcd_wait_request(request, max(1ul, msecs_to_jiffies(wait.timeout_ms)), true);
	if (left <= 0) {
		WRITE_ONCE(request->waited_for, false);
		lcd_request_put(request);
		return left ? left : -ETIME;
	}
	xa_erase(&file->requests, wait.handle);
	lcd_request_put(request); /* the table's reference */
	wait.submitted_ns = request->submitted_ns;
	wait.completed_ns = request->completed_ns;
	wait.cqe = request->cqe;
	lcd_request_put(request);
	return copy_to_user(argument, &wait, sizeof(wait)) ? -EFAULT : 0;
}

static long lcd_ioc_abort(struct lcd_file *file, void __user *argument)
{
	struct lcd_request *request;
	u32 handle;
	long ret;

	if (get_user(handle, (u32 __user *)argument))
		return -EFAULT;
	ret = lcd_usable(file->card);
	if (ret)
		return ret;
	request = lcd_request_get(file, handle, false);
	if (!request)
		return -EINVAL;
	lcd_abort(request);
	lcd_request_put(request);
	return 0;
}

static bool lcd_admin_own(u8 opcode)
{
	return opcode == LC_ADM_CREATE_SQ || opcode == LC_ADM_DELETE_SQ || opcode == LC_ADM_CREATE_CQ ||
	       opcode == LC_ADM_DELETE_CQ || opcode == LC_ADM_ASYNC_EVENT || opcode == LC_ADM_ABORT;
}

static bool lcd_admin_harmless(u8 opcode)
{
	return opcode == LC_ADM_IDENTIFY || opcode == LC_ADM_GET_LOG_PAGE || opcode == LC_ADM_GET_FEATURE;
}

static long lcd_ioc_admin(struct lcd_card *card, void __user *argument)
{
	struct lcd_admin admin;
	bool to_card;
	void *data = NULL;
	long ret;

	if (copy_from_user(&admin, argument, sizeof(admin)))
		return -EFAULT;
	if (lcd_admin_own(admin.sqe.opcode) || admin.bytes > LCD_MAX_ADMIN_DATA || admin.flags & ~LCD_ADMIN_TO_CARD)
		return -EINVAL;
	if (!lcd_admin_harmless(admin.sqe.opcode) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = lcd_usable(card);
	if (ret)
		return ret;
	/* Memory only through `data`: no pointer of the program's reaches the card. */
	admin.sqe.src = 0;
	admin.sqe.dst = 0;
	if (!admin.bytes) {
		ret = lcd_admin(card, &admin.sqe, &admin.cqe);
	} else {
		to_card = admin.flags & LCD_ADMIN_TO_CARD;
		data = to_card ? memdup_user(u64_to_user_ptr(admin.data), admin.bytes) : kzalloc(admin.bytes, GFP_KERNEL);
		if (IS_ERR_OR_NULL(data))
			return data ? PTR_ERR(data) : -ENOMEM;
		ret = lcd_admin_data(card, &admin.sqe, data, admin.bytes, to_card, &admin.cqe);
		if (!ret && !to_card && copy_to_user(u64_to_user_ptr(admin.data), data, admin.bytes))
			ret = -EFAULT;
		kfree(data);
	}
	if (!ret && copy_to_user(argument, &admin, sizeof(admin)))
		ret = -EFAULT;
	return ret;
}

static long lcd_ioc_reset(struct lcd_card *card)
{
	long ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	down_write(&card->reset_lock);
	if (card->state == LCD_STATE_GONE || !lcd_reach(card))
		ret = -ENODEV;
	else
		ret = lcd_recover(card);
	up_write(&card->reset_lock);
	return ret;
}

static long lcd_locked_ioctl(struct lcd_file *file, unsigned int command, void __user *argument)
{
	struct lcd_card *card = file->card;
	long ret;

	if (card->state == LCD_STATE_GONE)
		return -ENODEV;
	switch (command) {
	case LCD_IOC_INFO:
		return lcd_ioc_info(card, argument);
	case LCD_IOC_STATUS:
		return lcd_ioc_status(card, argument);
	case LCD_IOC_ALLOC:
		return lcd_ioc_alloc(file, argument);
	case LCD_IOC_FREE:
		return lcd_ioc_free(file, argument);
	case LCD_IOC_SUBMIT:
		return lcd_ioc_submit(file, argument);
	case LCD_IOC_ABORT:
		return lcd_ioc_abort(file, argument);
	case LCD_IOC_ADMIN:
		return lcd_ioc_admin(card, argument);
	case LCD_IOC_TELEMETRY:
		ret = lcd_usable(card);
		return ret ? ret : lcd_ioc_telemetry(card, argument);
	default:
		return -ENOTTY;
	}
}

static long lcd_ioctl(struct file *filp, unsigned int command, unsigned long argument)
{
	struct lcd_file *file = filp->private_data;
	struct lcd_card *card = file->card;
	void __user *user = (void __user *)argument;
	long ret;

	/* These two wait, or take the lock for writing. */
	if (command == LCD_IOC_WAIT)
		return lcd_ioc_wait(file, user);
	if (command == LCD_IOC_RESET)
		return lcd_ioc_reset(card);
	for (;;) {
		down_read(&card->reset_lock);
		ret = lcd_locked_ioctl(file, command, user);
		up_read(&card->reset_lock);
		if (ret != -EAGAIN || command != LCD_IOC_SUBMIT || filp->f_flags & O_NONBLOCK)
			return ret;
		/* A ring with commands that the card has not taken yet makes no room by itself: look again soon. */
		if (wait_event_interruptible_timeout(file->queue->wait, lcd_room(file->queue), HZ / 10) < 0)
			return -ERESTARTSYS;
	}
}

static int lcd_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct lcd_file *file = filp->private_data;
	int ret;

	down_read(&file->card->reset_lock);
	ret = file->card->state == LCD_STATE_GONE ? -ENODEV : lcd_buffer_mmap(file, vma);
	up_read(&file->card->reset_lock);
	return ret;
}

static const struct file_operations lcd_fops = {
	.owner = THIS_MODULE,
	.open = lcd_open,
	.release = lcd_release,
	.unlocked_ioctl = lcd_ioctl,
	.compat_ioctl = compat_ptr_ioctl, /* the structures are the same for 32 bits */
	.mmap = lcd_mmap,
};

static void lcd_device_release(struct device *dev)
{
	struct lcd_card *card = container_of(dev, struct lcd_card, dev);

	pci_dev_put(card->pdev);
	kfree(card);
}

/* The device node appears with lcd_char_add(); until then, and if that fails, put_device() frees the card. */
int lcd_char_prepare(struct lcd_card *card)
{
	int minor = ida_alloc_max(&lcd_minors, LCD_MINORS - 1, GFP_KERNEL);

	if (minor < 0)
		return minor;
	card->minor = minor;
	device_initialize(&card->dev);
	card->dev.class = &lcd_class;
	card->dev.parent = &card->pdev->dev;
	card->dev.devt = MKDEV(MAJOR(lcd_devt), minor);
	card->dev.release = lcd_device_release;
	return dev_set_name(&card->dev, LCD_NAME "%d", minor);
}

int lcd_char_add(struct lcd_card *card)
{
	cdev_init(&card->cdev, &lcd_fops);
	card->cdev.owner = THIS_MODULE;
	return cdev_device_add(&card->cdev, &card->dev);
}

/* No new opens; mappings of those that are open end. Caller holds no lock. */
void lcd_char_remove(struct lcd_card *card)
{
	struct lcd_file *file;

	cdev_device_del(&card->cdev, &card->dev);
	mutex_lock(&card->files_lock);
	list_for_each_entry(file, &card->files, entry)
		unmap_mapping_range(file->file->f_mapping, 0, 0, 1);
	mutex_unlock(&card->files_lock);
}

void lcd_char_forget(struct lcd_card *card)
{
	ida_free(&lcd_minors, card->minor);
	put_device(&card->dev);
}

int lcd_char_init(void)
{
	int ret = alloc_chrdev_region(&lcd_devt, 0, LCD_MINORS, LCD_NAME);

	if (ret)
		return ret;
	ret = class_register(&lcd_class);
	if (ret)
		unregister_chrdev_region(lcd_devt, LCD_MINORS);
	return ret;
}

void lcd_char_exit(void)
{
	class_unregister(&lcd_class);
	unregister_chrdev_region(lcd_devt, LCD_MINORS);
	ida_destroy(&lcd_minors);
}
