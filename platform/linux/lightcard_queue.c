// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * Rings. The fast path writes two doorbells and reads memory; it never reads a register. A completion is new when its
 * phase bit is that of this pass over the ring; the rest of it is read after the phase.
 */
#include <linux/interrupt.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "lightcard.h"

static size_t sq_bytes(const struct lcd_queue *queue)
{
	return PAGE_ALIGN(queue->entries * sizeof(struct lc_sqe));
}

static size_t cq_bytes(const struct lcd_queue *queue)
{
	return PAGE_ALIGN(queue->entries * sizeof(struct lc_cqe));
}

int lcd_queue_alloc(struct lcd_card *card, struct lcd_queue *queue, u16 id, u16 entries)
{
	struct device *dev = &card->pdev->dev;

	queue->card = card;
	queue->id = id;
	queue->entries = entries;
	spin_lock_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
	queue->sq = dma_alloc_coherent(dev, sq_bytes(queue), &queue->sq_bus, GFP_KERNEL);
	queue->cq = dma_alloc_coherent(dev, cq_bytes(queue), &queue->cq_bus, GFP_KERNEL);
	queue->operands = dma_alloc_coherent(dev, entries * LCD_OPERAND_SLOT, &queue->operands_bus, GFP_KERNEL);
	queue->free_cids = kcalloc(entries, sizeof(*queue->free_cids), GFP_KERNEL);
	queue->requests = kcalloc(entries, sizeof(*queue->requests), GFP_KERNEL);
	if (!queue->sq || !queue->cq || !queue->operands || !queue->free_cids || !queue->requests) {
		lcd_queue_free(queue);
		return -ENOMEM;
	}
	lcd_queue_restart(queue);
	return 0;
}

void lcd_queue_free(struct lcd_queue *queue)
{
	struct device *dev;

	if (!queue->card)
		return;
	dev = &queue->card->pdev->dev;
	if (queue->sq)
		dma_free_coherent(dev, sq_bytes(queue), queue->sq, queue->sq_bus);
	if (queue->cq)
		dma_free_coherent(dev, cq_bytes(queue), queue->cq, queue->cq_bus);
	if (queue->operands)
		dma_free_coherent(dev, queue->entries * LCD_OPERAND_SLOT, queue->operands, queue->operands_bus);
	kfree(queue->free_cids);
	kfree(queue->requests);
	queue->sq = NULL;
	queue->cq = NULL;
	queue->operands = NULL;
	queue->free_cids = NULL;
	queue->requests = NULL;
}

/* Empty rings, as the card finds them after CREATE. Nothing may be in flight. */
void lcd_queue_restart(struct lcd_queue *queue)
{
	unsigned long flags;
	u16 cid;

	spin_lock_irqsave(&queue->lock, flags);
	memset(queue->sq, 0, sq_bytes(queue));
	memset(queue->cq, 0, cq_bytes(queue));
	queue->tail = 0;
	queue->card_head = 0;
	queue->cq_head = 0;
	queue->phase = 1;
	queue->free_count = 0;
	for (cid = queue->entries - 1; cid-- > 0;) /* one entry of a ring stays empty */
		queue->free_cids[queue->free_count++] = cid;
	spin_unlock_irqrestore(&queue->lock, flags);
}

struct lcd_request *lcd_request_new(struct lcd_card *card, gfp_t gfp)
{
	struct lcd_request *request = kzalloc(sizeof(*request), gfp);

	if (request) {
		kref_init(&request->refs);
		request->card = card;
	}
	return request;
}

static void lcd_request_release(struct kref *refs)
{
	struct lcd_request *request = container_of(refs, struct lcd_request, refs);
	u32 i;

	if (request->records)
		lcd_memory_put(request->records);
	for (i = 0; i < request->used_count; i++)
		lcd_memory_put(request->used[i]);
	kvfree(request->used);
	kfree(request);
}

/* Process context: DMA memory may go with it. */
void lcd_request_put(struct lcd_request *request)
{
	kref_put(&request->refs, lcd_request_release);
}

/* Nobody waits for it any more: it goes when it ends. For requests without DMA memory. */
void lcd_request_abandon(struct lcd_request *request)
{
	struct lcd_queue *queue = request->queue;
	unsigned long flags;
	bool done;

	spin_lock_irqsave(&queue->lock, flags);
	done = request->done;
	request->complete = lcd_request_put;
	spin_unlock_irqrestore(&queue->lock, flags);
	if (done)
		lcd_request_put(request);
}

/*
 * -EAGAIN: no room; -ENODEV: the queue is not up. The ring takes no reference: whoever submits a request keeps
 * it until it is done, so that DMA memory is never freed in interrupt context.
 */
int lcd_submit(struct lcd_queue *queue, struct lcd_request *request)
{
	unsigned long flags;
	struct lc_sqe *sqe = &request->sqe;
	u16 next;
	int ret = 0;

	spin_lock_irqsave(&queue->lock, flags);
	next = (queue->tail + 1) % queue->entries;
	if (!queue->live) {
		ret = -ENODEV;
	} else if (!queue->free_count || next == queue->card_head) {
		ret = -EAGAIN;
	} else {
		sqe->cid = queue->free_cids[--queue->free_count];
		if (request->has_operands) {
			memcpy(queue->operands + sqe->cid * LCD_OPERAND_SLOT, request->operands, LC_OPERAND_BYTES);
			sqe->src = LC_PTR(LC_SPACE_HOST, queue->operands_bus + sqe->cid * LCD_OPERAND_SLOT);
			sqe->length = LC_OPERAND_BYTES;
		}
		queue->requests[sqe->cid] = request;
		request->queue = queue;
		request->submitted_ns = ktime_get_ns();
		memcpy(&queue->sq[queue->tail], sqe, sizeof(*sqe));
		queue->tail = next;
		dma_wmb(); /* the entry before the doorbell */
		lcd_write(queue->card, LC_DOORBELL_SQ_TAIL((u32)queue->id), queue->tail);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return ret;
}

/* Under queue->lock. */
static void lcd_finish(struct lcd_queue *queue, const struct lc_cqe *cqe)
{
	struct lcd_request *request = cqe->cid < queue->entries ? queue->requests[cqe->cid] : NULL;

	if (!request) {
		queue->strays++;
		return;
	}
	queue->requests[cqe->cid] = NULL;
	queue->free_cids[queue->free_count++] = cqe->cid;
	request->cqe = *cqe;
	request->completed_ns = ktime_get_ns();
	smp_store_release(&request->done, true); /* cqe before done: lcd_wait_request() */
	if (request->complete)
		request->complete(request);
}

/* Takes every new completion, then releases their entries with one doorbell. True if there was any. */
bool lcd_queue_poll(struct lcd_queue *queue)
{
	unsigned long flags;
	bool any = false;

	spin_lock_irqsave(&queue->lock, flags);
	while (queue->live) {
		const struct lc_cqe *entry = &queue->cq[queue->cq_head];
		struct lc_cqe cqe;

		if ((READ_ONCE(entry->status) & LC_CQE_PHASE) != queue->phase)
			break;
		dma_rmb(); /* the phase before the rest */
		cqe = *entry;
		if (cqe.sq_head < queue->entries)
			queue->card_head = cqe.sq_head;
		lcd_finish(queue, &cqe);
		any = true;
		if (++queue->cq_head == queue->entries) {
			queue->cq_head = 0;
			queue->phase ^= 1;
		}
	}
	if (any)
		lcd_write(queue->card, LC_DOORBELL_CQ_HEAD((u32)queue->id), queue->cq_head);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (any)
		wake_up_all(&queue->wait);
	return any;
}

/* The card forgot the queue: what is in flight ends with `status`, and nothing more is taken. */
void lcd_queue_fail(struct lcd_queue *queue, u16 status)
{
	unsigned long flags;
	u16 cid;

	lcd_queue_poll(queue); /* what did end has ended */
	spin_lock_irqsave(&queue->lock, flags);
	queue->live = false;
	for (cid = 0; cid < queue->entries; cid++) {
		struct lc_cqe cqe = {
			.result = LC_FAIL(LC_FAIL_SELF, 0), .cid = cid, .sq_id = queue->id, .status = status << 1,
		};

		if (queue->requests[cid])
			lcd_finish(queue, &cqe);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	wake_up_all(&queue->wait);
}

u32 lcd_queue_in_flight(struct lcd_queue *queue)
{
	return queue->entries - 1u - READ_ONCE(queue->free_count);
}

static irqreturn_t lcd_queue_irq(int irq, void *data)
{
	return lcd_queue_poll(data) ? IRQ_HANDLED : IRQ_NONE;
}

int lcd_queue_irq_request(struct lcd_queue *queue)
{
	int ret = pci_request_irq(queue->card->pdev, queue->vector, lcd_queue_irq, NULL, queue, LCD_NAME "%d-q%u",
				  queue->card->minor, queue->id);

	queue->irq_requested = !ret;
	return ret;
}

void lcd_queue_irq_free(struct lcd_queue *queue)
{
	if (queue->irq_requested)
		pci_free_irq(queue->card->pdev, queue->vector, queue);
	queue->irq_requested = false;
}

/*
 * Time left in jiffies (at least 1) when done, 0 when not yet, -ERESTARTSYS. Looks at the ring itself now and then: an
 * interrupt that got lost costs time, not the command.
 */
long lcd_wait_request(struct lcd_request *request, unsigned long timeout, bool interruptible)
{
	struct lcd_queue *queue = request->queue;
	unsigned long left = timeout;

	for (;;) {
		unsigned long slice = min(left, msecs_to_jiffies(LCD_WATCHDOG_MS));
		long ret;

		if (interruptible)
			ret = wait_event_interruptible_timeout(queue->wait, smp_load_acquire(&request->done), slice);
		else
			ret = wait_event_timeout(queue->wait, smp_load_acquire(&request->done), slice);
		if (ret < 0)
			return ret;
		if (ret > 0 || smp_load_acquire(&request->done))
			return 1;
		if (lcd_queue_poll(queue) && smp_load_acquire(&request->done)) {
			dev_warn_ratelimited(&queue->card->pdev->dev, "queue %u: an interrupt was lost\n", queue->id);
			return 1;
		}
		left -= slice;
		if (!left)
			return 0;
	}
}
