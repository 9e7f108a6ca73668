// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * The controller's registers: is this a card we can talk to, has it booted, CC.EN and CSTS.RDY. Every wait is bounded by
 * what the card states in CAP.TO. docs/driver.md draws the sequences.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "lightcard.h"

#define SUPPORTED_MAJOR ((u32)LC_VERSION_RESET >> LC_VERSION_MAJOR_SHIFT)
#define READY_UNIT_MS 500u
#define FIRST_PAUSE_US 50ul
#define LONGEST_PAUSE_US 5000ul

static int lcd_echo(struct lcd_card *card, u32 pattern)
{
	u32 echo;

	lcd_write(card, LC_REG_LIVENESS, pattern);
	echo = lcd_read(card, LC_REG_LIVENESS);
	if (echo == ~pattern)
		return 0;
	dev_err(&card->pdev->dev, "LIVENESS: wrote 0x%08x, read 0x%08x, not its inverse\n", pattern, echo);
	return -EIO;
}

int lcd_probe_registers(struct lcd_card *card)
{
	struct device *dev = &card->pdev->dev;
	u32 magic = lcd_read(card, LC_REG_MAGIC);
	u64 cap;
	int ret;

	if (magic == LCD_ALL_ONES)
		return dev_err_probe(dev, -ENODEV, "registers read all ones: the card is gone or in reset\n");
	if (magic != LC_MAGIC_VALUE)
		return dev_err_probe(dev, -ENODEV, "not a lightcard: MAGIC 0x%08x\n", magic);
	card->version = lcd_read(card, LC_REG_VERSION);
	if (card->version >> LC_VERSION_MAJOR_SHIFT > SUPPORTED_MAJOR)
		return dev_err_probe(dev, -ENODEV, "interface version %u is newer than this driver's %u\n",
				     card->version >> LC_VERSION_MAJOR_SHIFT, SUPPORTED_MAJOR);
	ret = lcd_echo(card, 0x5aa50ff0);
	if (!ret)
		ret = lcd_echo(card, 0xa55af00f);
	if (ret)
		return ret;
	cap = lcd_read64(card, LC_REG_CAP);
	card->max_entries = (u32)((cap & LC_CAP_MQES) >> LC_CAP_MQES_SHIFT) + 1; /* zero-based */
	card->max_queues = (u32)((cap & LC_CAP_MAX_IOQ) >> LC_CAP_MAX_IOQ_SHIFT);
	card->ready_ms = (u32)((cap & LC_CAP_TO) >> LC_CAP_TO_SHIFT) * READY_UNIT_MS;
	if (!card->ready_ms)
		card->ready_ms = READY_UNIT_MS;
	if (cap & LC_CAP_DSTRD)
		return dev_err_probe(dev, -ENODEV, "CAP.DSTRD: doorbells are more than 4 bytes apart\n");
	card->features = lcd_read64(card, LC_REG_FEATURES);
	return 0;
}

static int lcd_refusal(struct lcd_card *card, u32 offset, u32 seen, const char *what)
{
	struct device *dev = &card->pdev->dev;

	if (seen == LCD_ALL_ONES) {
		dev_err(dev, "%s: registers read all ones\n", what);
		return -ENODEV;
	}
	if (offset == LC_REG_CSTS && (seen & LC_CSTS_CFS)) {
		dev_err(dev, "%s: fatal error (CSTS.CFS)\n", what);
		return -EIO;
	}
	if (offset == LC_REG_BOOT_STATUS && (seen & LC_BOOT_STATUS_FAILED)) {
		dev_err(dev, "%s: failed in stage %u at %u %%, BOOT_ERR 0x%08x\n", what, seen & LC_BOOT_STATUS_STAGE,
			(seen & LC_BOOT_STATUS_PROGRESS) >> LC_BOOT_STATUS_PROGRESS_SHIFT, lcd_read(card, LC_REG_BOOT_ERR));
		return -EIO;
	}
	return 0;
}

static int lcd_wait_for(struct lcd_card *card, u32 offset, u32 mask, u32 value, const char *what)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(card->ready_ms);
	unsigned long pause = FIRST_PAUSE_US;

	for (;;) {
		bool late = time_after(jiffies, deadline); /* before the read: a late look still counts */
		u32 seen = lcd_read(card, offset);
		int ret = lcd_refusal(card, offset, seen, what);

		if (ret)
			return ret;
		if ((seen & mask) == value)
			return 0;
		if (late) {
			dev_err(&card->pdev->dev, "%s: no answer within CAP.TO (%u ms), 0x%04x reads 0x%08x\n", what,
				card->ready_ms, offset, seen);
			return -ETIMEDOUT;
		}
		usleep_range(pause, 2 * pause);
		pause = min(2 * pause, LONGEST_PAUSE_US);
	}
}

int lcd_wait_boot(struct lcd_card *card)
{
	return lcd_wait_for(card, LC_REG_BOOT_STATUS, LC_BOOT_STATUS_READY, LC_BOOT_STATUS_READY, "boot");
}

int lcd_enable(struct lcd_card *card)
{
	u32 size = card->admin.entries - 1u; /* zero-based */

	lcd_write(card, LC_REG_AQA, size << LC_AQA_ASQS_SHIFT | size << LC_AQA_ACQS_SHIFT);
	lo_hi_writeq(LC_PTR(LC_SPACE_HOST, card->admin.sq_bus), card->regs + LC_REG_ASQ);
	lo_hi_writeq(LC_PTR(LC_SPACE_HOST, card->admin.cq_bus), card->regs + LC_REG_ACQ);
	lcd_write(card, LC_REG_CC, LC_CC_EN);
	return lcd_wait_for(card, LC_REG_CSTS, LC_CSTS_RDY, LC_CSTS_RDY, "enable");
}

/* From RDY = 0 on there is no DMA and no interrupt of the card. */
int lcd_disable(struct lcd_card *card)
{
	u32 seen;

	lcd_write(card, LC_REG_CC, 0);
	seen = lcd_read(card, LC_REG_CSTS);
	if (seen != LCD_ALL_ONES && (seen & (LC_CSTS_RDY | LC_CSTS_CFS)) == LC_CSTS_CFS)
		return 0; /* fatal and stopped: the reset that follows is what it needs */
	return lcd_wait_for(card, LC_REG_CSTS, LC_CSTS_RDY, 0, "disable");
}

void lcd_notify_shutdown(struct lcd_card *card)
{
	lcd_write(card, LC_REG_CC, LC_CC_EN | LC_CC_SHN_NORMAL << LC_CC_SHN_SHIFT);
	lcd_wait_for(card, LC_REG_CSTS, LC_CSTS_SHST, LC_CSTS_SHST_DONE << LC_CSTS_SHST_SHIFT, "shutdown");
}

/* Probe, boot, admin queue, IDENTIFY, I/O queues. Caller holds reset_lock for writing (or is the only user). */
int lcd_bring_up(struct lcd_card *card)
{
	u32 i;
	int ret = lcd_probe_registers(card);

	if (!ret)
		ret = lcd_wait_boot(card);
	if (!ret)
		ret = lcd_disable(card); /* whoever drove it before */
	if (ret)
		return ret;
	lcd_queue_restart(&card->admin);
	for (i = 0; i < card->io_queues; i++)
		lcd_queue_restart(&card->io[i]);
	ret = lcd_enable(card);
	if (ret)
		return ret;
	card->reset_count = lcd_read(card, LC_REG_RESET_COUNT);
	card->admin.live = true;
	ret = lcd_identify(card);
	if (!ret)
		ret = lcd_create_queues(card);
	if (ret) {
		lcd_bring_down(card, false);
		return ret;
	}
	lcd_arm_events(card);
	schedule_work(&card->event_work); /* an event may have come just before the reset */
	return 0;
}

/*
 * Nothing of the card is in flight afterwards: every request has ended, with ABORTED_QUEUE if the card did not end it.
 * orderly: the card hears of it first.
 */
void lcd_bring_down(struct lcd_card *card, bool orderly)
{
	u32 i;

	if (orderly && card->admin.live) {
		for (i = 0; i < card->io_queues; i++)
			card->io[i].live = false;
		lcd_delete_queues(card);
		lcd_notify_shutdown(card);
	}
	if (lcd_read(card, LC_REG_CSTS) != LCD_ALL_ONES)
		lcd_disable(card);
	lcd_queue_fail(&card->admin, LC_SC_ABORTED_QUEUE);
	for (i = 0; i < card->io_queues; i++)
		lcd_queue_fail(&card->io[i], LC_SC_ABORTED_QUEUE);
}

/* Down and up again, after somebody else reset the card or something failed. Caller holds reset_lock for writing. */
int lcd_recover(struct lcd_card *card)
{
	int ret;

	card->state = LCD_STATE_RESETTING;
	lcd_bring_down(card, false);
	ret = lcd_bring_up(card);
	card->state = ret ? LCD_STATE_FAILED : LCD_STATE_READY;
	if (!ret)
		card->recoveries++;
	return ret;
}
