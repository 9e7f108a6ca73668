// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Admin commands, one at a time; the I/O queues; asynchronous events. */
#include <linux/slab.h>

#include "lightcard.h"

/* The completion, whatever its status; an error means there is none. */
static int lcd_admin_raw(struct lcd_card *card, const struct lc_sqe *sqe, struct lc_cqe *cqe)
{
	struct lcd_request *request = lcd_request_new(card, GFP_KERNEL);
	long left;
	int ret;

	if (!request)
		return -ENOMEM;
	request->sqe = *sqe;
	while ((ret = lcd_submit(&card->admin, request)) == -EAGAIN)
		if (!wait_event_timeout(card->admin.wait, READ_ONCE(card->admin.free_count), HZ))
			break;
	if (ret) {
		lcd_request_put(request);
		return ret;
	}
	left = lcd_wait_request(request, msecs_to_jiffies(LCD_ADMIN_TIMEOUT_MS), false);
	if (!left) {
		dev_err(&card->pdev->dev, "admin command 0x%02x: no answer in %u ms, CSTS 0x%08x\n", sqe->opcode,
			LCD_ADMIN_TIMEOUT_MS, lcd_read(card, LC_REG_CSTS));
		lcd_request_abandon(request); /* its id stays with the card; only a reset brings it back */
		return -ETIMEDOUT;
	}
	*cqe = request->cqe;
	lcd_request_put(request);
	return 0;
}

int lcd_admin(struct lcd_card *card, const struct lc_sqe *sqe, struct lc_cqe *cqe)
{
	struct lc_cqe local;
	int ret = lcd_admin_raw(card, sqe, cqe ? cqe : &local);

	if (!ret && !cqe && LC_CQE_STATUS(local.status) != LC_SC_SUCCESS) {
		dev_err(&card->pdev->dev, "admin command 0x%02x failed: status 0x%02x, result 0x%llx\n", sqe->opcode,
			LC_CQE_STATUS(local.status), local.result);
		ret = -EIO;
	}
	return ret;
}

/* With `bytes` of data that the card writes to dst, or reads at src. */
int lcd_admin_data(struct lcd_card *card, struct lc_sqe *sqe, void *data, u32 bytes, bool to_card, struct lc_cqe *cqe)
{
	struct lcd_memory *memory = lcd_memory_new(card, bytes);
	int ret;

	if (!memory)
		return -ENOMEM;
	if (to_card) {
		memcpy(memory->host, data, bytes);
		sqe->src = LC_PTR(LC_SPACE_HOST, memory->bus);
	} else {
		sqe->dst = LC_PTR(LC_SPACE_HOST, memory->bus);
	}
	sqe->length = bytes;
	ret = lcd_admin(card, sqe, cqe);
	if (ret == -ETIMEDOUT)
		return ret; /* the card may still write there: the memory goes back when it is unbound */
	if (!ret && !to_card)
		memcpy(data, memory->host, bytes);
	lcd_memory_put(memory);
	return ret;
}

int lcd_identify(struct lcd_card *card)
{
	struct lc_sqe sqe = { .opcode = LC_ADM_IDENTIFY };
	int ret = lcd_admin_data(card, &sqe, &card->identity, sizeof(card->identity), false, NULL);

	if (!ret && card->identity.magic != LC_MAGIC_VALUE) {
		dev_err(&card->pdev->dev, "IDENTIFY: the page has no magic\n");
		ret = -EIO;
	}
	return ret;
}

static int lcd_create_queue(struct lcd_card *card, struct lcd_queue *queue)
{
	struct lc_sqe sqe = { .opcode = LC_ADM_CREATE_CQ, .src = LC_PTR(LC_SPACE_HOST, queue->cq_bus) };
	int ret;

	sqe.u.queue.qid = queue->id;
	sqe.u.queue.entries = queue->entries;
	sqe.u.queue.vector = queue->vector;
	ret = lcd_admin(card, &sqe, NULL);
	if (ret)
		return ret;
	sqe = (struct lc_sqe){ .opcode = LC_ADM_CREATE_SQ, .src = LC_PTR(LC_SPACE_HOST, queue->sq_bus) };
	sqe.u.queue.qid = queue->id;
	sqe.u.queue.entries = queue->entries;
	sqe.u.queue.cqid = queue->id;
	ret = lcd_admin(card, &sqe, NULL);
	if (!ret)
		queue->live = true;
	return ret;
}

int lcd_create_queues(struct lcd_card *card)
{
	u32 i;

	for (i = 0; i < card->io_queues; i++) {
		int ret = lcd_create_queue(card, &card->io[i]);

		if (ret)
			return ret;
	}
	return 0;
}

void lcd_delete_queues(struct lcd_card *card)
{
	u32 i;

	for (i = 0; i < card->io_queues; i++) {
		struct lc_sqe sqe = { .opcode = LC_ADM_DELETE_SQ };

		sqe.u.queue.qid = card->io[i].id;
		if (lcd_admin(card, &sqe, NULL))
			return;
		sqe.opcode = LC_ADM_DELETE_CQ;
		if (lcd_admin(card, &sqe, NULL))
			return;
	}
}

/* Asks the card to end a command; its completion still comes. */
void lcd_abort(struct lcd_request *request)
{
	struct lc_sqe sqe = { .opcode = LC_ADM_ABORT };
	struct lc_cqe cqe;

	if (smp_load_acquire(&request->done))
		return;
	sqe.u.abort.sqid = request->queue->id;
	sqe.u.abort.cid = request->sqe.cid;
	lcd_admin(request->card, &sqe, &cqe); /* ABORT_NOT_FOUND: it has just ended */
}

static void lcd_event_complete(struct lcd_request *request)
{
	schedule_work(&request->card->event_work);
}

/*
 * Keeps ASYNC_EVENT commands with the card: places that are free, and those that a reset ended. One whose event has come
 * waits for lcd_event_work(), which frees its place.
 */
void lcd_arm_events(struct lcd_card *card)
{
	u32 i;

	for (i = 0; i < LCD_EVENTS; i++) {
		struct lcd_request *request = card->events[i];

		if (request && (!smp_load_acquire(&request->done) || LC_CQE_STATUS(request->cqe.status) == LC_SC_SUCCESS))
			continue;
		if (request)
			lcd_request_put(request);
		card->events[i] = NULL;
		request = lcd_request_new(card, GFP_KERNEL);
		if (!request)
			return;
		request->sqe.opcode = LC_ADM_ASYNC_EVENT;
		request->complete = lcd_event_complete;
		if (lcd_submit(&card->admin, request)) {
			lcd_request_put(request);
			return;
		}
		card->events[i] = request;
	}
}

/* Names what the card reports and clears it, so that the next error is a first one again. */
static void lcd_report_errors(struct lcd_card *card)
{
	static const char *const units[] = { "queue", "DMA", "DRAM", "SRAM", "PCM", "laser", "converter", "thermal",
					     "internal", "link" };
	struct device *dev = &card->pdev->dev;
	u32 status = lcd_read(card, LC_REG_ERR_STATUS), unit;
	u64 first;

	if (!status || status == LCD_ALL_ONES)
		return;
	first = lcd_read64(card, LC_REG_ERR_FIRST);
	card->error_units |= status;
	for (unit = 0; unit < 32; unit++)
		if (status & BIT(unit))
			dev_warn_ratelimited(dev, "the card reports an error of its %s unit (ERR_STATUS bit %u)\n",
				 unit < ARRAY_SIZE(units) ? units[unit] : "unknown", unit);
	dev_warn_ratelimited(dev, "first error: unit %llu, status 0x%02llx, address 0x%llx\n", first & LC_ERR_FIRST_UNIT,
		 (first & LC_ERR_FIRST_CODE) >> LC_ERR_FIRST_CODE_SHIFT, first >> LC_ERR_FIRST_ADDRESS_SHIFT);
	lcd_write(card, LC_REG_ERR_STATUS, status);
}

/* One line for an event. */
static void lcd_report_event(struct lcd_card *card, u64 event)
{
	struct device *dev = &card->pdev->dev;
	u32 info = LC_EVENT_INFO(event), value = LC_EVENT_VALUE(event);

	switch (LC_EVENT_TYPE(event)) {
	case LC_EVENT_ERROR: /* lcd_report_errors() has the unit */
		break;
	case LC_EVENT_RESET:
		dev_warn(dev, "event: the function was reset, cause %u\n", info);
		break;
	case LC_EVENT_CALIBRATION:
		if (value)
			dev_warn(dev, "event: core %u needs a calibration, its results may be off\n", info);
		else
			dev_info(dev, "event: core %u is calibrated\n", info);
		break;
	case LC_EVENT_THERMAL:
		dev_warn(dev, "event: core %u is %d mK off the temperature of its calibration\n", info, (s32)value);
		break;
	case LC_EVENT_POWER:
		dev_info(dev, "event: power state %u\n", info);
		break;
	case LC_EVENT_WEAR:
		dev_warn(dev, "event: core %u, bank %u is worn out\n", info, value);
		break;
	case LC_EVENT_SATURATION:
		dev_info(dev, "event: core %u clipped %u samples of a command\n", info, value);
		break;
	case LC_EVENT_LINK:
		dev_warn(dev, "event: the link runs at generation %u, %u lanes\n", info, value);
		break;
	default:
		dev_info(dev, "event of unknown type, 0x%llx\n", event);
	}
}

void lcd_event_work(struct work_struct *work)
{
	struct lcd_card *card = container_of(work, struct lcd_card, event_work);
	u32 i;

	down_read(&card->reset_lock);
	if (card->state == LCD_STATE_READY) {
		bool any = false;

		for (i = 0; i < LCD_EVENTS; i++) {
			struct lcd_request *request = card->events[i];

			if (!request || !smp_load_acquire(&request->done))
				continue;
			if (LC_CQE_STATUS(request->cqe.status) != LC_SC_SUCCESS)
				continue; /* a reset ended it, or the card has no events: not armed again from here */
			card->event_count++;
			lcd_report_event(card, request->cqe.result);
			lcd_request_put(request);
			card->events[i] = NULL;
			any = true;
		}
		if (any) {
			lcd_report_errors(card);
			lcd_arm_events(card);
		}
	}
	up_read(&card->reset_lock);
	/* A fatal error needs more than this: the watchdog sees CSTS.CFS. */
	mod_delayed_work(system_wq, &card->watchdog, 0);
}
