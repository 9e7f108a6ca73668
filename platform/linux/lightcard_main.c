// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* PCI: probe, remove, error and reset handlers, power management, and the watchdog that notices what nobody reports. */
#include <linux/module.h>
#include <linux/slab.h>

#include "lightcard.h"

#define LCD_VENDOR 0x1d9b /* placeholder identity of the reference card */
#define LCD_DEVICE 0x0128

static bool single_vector;
module_param(single_vector, bool, 0444);
MODULE_PARM_DESC(single_vector, "use one MSI-X vector for all queues");

static const struct pci_device_id lcd_ids[] = {
	{ PCI_DEVICE(LCD_VENDOR, LCD_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, lcd_ids);

/* Not all ones alone: what an address that nobody decodes reads as is the bridge's affair. */
static bool lcd_answers(struct lcd_card *card)
{
	return lcd_read(card, LC_REG_MAGIC) == LC_MAGIC_VALUE;
}

/*
 * A reset of the bus above that nobody announced leaves the function without its BARs and without memory space; the
 * configuration of probe time brings it back. Caller holds reset_lock for writing.
 */
static bool lcd_find_again(struct lcd_card *card)
{
	struct pci_dev *pdev = card->pdev;
	u16 command;

	if (!pci_device_is_present(pdev))
		return false;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (command & PCI_COMMAND_MEMORY)
		return lcd_answers(card);
	dev_warn(&pdev->dev, "configuration is lost: a reset nobody announced; restoring it\n");
	if (pci_load_saved_state(pdev, card->saved))
		return false;
	pci_restore_state(pdev);
	return lcd_answers(card);
}

/* It answers, if need be after its configuration has been written back. Caller holds reset_lock for writing. */
bool lcd_reach(struct lcd_card *card)
{
	return lcd_answers(card) || lcd_find_again(card);
}

/* Commands wait for the card, beside those that wait for an event. */
static bool lcd_busy(struct lcd_card *card)
{
	u32 i, waiting = lcd_queue_in_flight(&card->admin);

	if (waiting > LCD_EVENTS)
		return true;
	for (i = 0; i < card->io_queues; i++)
		if (lcd_queue_in_flight(&card->io[i]))
			return true;
	return false;
}

/*
 * HEARTBEAT counts milliseconds of card time. It may stand still while there is nothing to do, and a model that is slow
 * says so (CSTS.LAGGING); with commands waiting at both of two looks a second apart it is a firmware that hangs.
 */
static bool lcd_hangs(struct lcd_card *card, u32 csts)
{
	u32 seen = lcd_read(card, LC_REG_HEARTBEAT);
	bool busy = lcd_busy(card), stands = seen == card->heartbeat && !(csts & LC_CSTS_LAGGING);

	if (stands && busy && card->was_busy) {
		if (!time_after_eq(jiffies, card->heartbeat_at + msecs_to_jiffies(LCD_WATCHDOG_MS)))
			return false;
		card->was_busy = false;
		return true;
	}
	card->heartbeat = seen;
	card->heartbeat_at = jiffies;
	card->was_busy = busy;
	return false;
}

/* What is wrong, as far as registers say; NULL: nothing. */
static const char *lcd_diagnose(struct lcd_card *card)
{
	u32 csts = lcd_read(card, LC_REG_CSTS);

	if (csts == LCD_ALL_ONES || !lcd_answers(card))
		return "registers do not answer";
	if (csts & LC_CSTS_CFS)
		return "fatal error (CSTS.CFS)";
	if (lcd_read(card, LC_REG_RESET_COUNT) != card->reset_count)
		return "the card was reset by somebody else";
	if (!(csts & LC_CSTS_RDY))
		return "the card is not ready (CSTS.RDY)";
	if (lcd_hangs(card, csts))
		return "HEARTBEAT stands still with commands waiting: the firmware hangs";
	return NULL;
}

/* From gentle to rude, until the card is up: controller, function, the bus above. What is refused (somebody is unbinding
 * or resetting the function) is tried again by the next look. */
static void lcd_repair(struct lcd_card *card, const char *trouble)
{
	struct pci_dev *pdev = card->pdev;

	dev_warn(&pdev->dev, "%s; bringing it up again\n", trouble);
	down_write(&card->reset_lock);
	if (lcd_reach(card) && !(lcd_read(card, LC_REG_CSTS) & LC_CSTS_CFS) &&
	    !lcd_recover(card))
		goto up;
	card->state = LCD_STATE_RESETTING;
	lcd_bring_down(card, false);
	up_write(&card->reset_lock);

	dev_warn(&pdev->dev, "trying a function-level reset\n");
	if (pci_try_reset_function(pdev) == -EAGAIN)
		goto later;
	if (card->state == LCD_STATE_READY)
		return;
	dev_warn(&pdev->dev, "trying a reset of the bus above\n");
	if (pci_reset_bus(pdev) == -EAGAIN)
		goto later;
	down_write(&card->reset_lock);
	if (card->state != LCD_STATE_READY) {
		card->state = LCD_STATE_FAILED;
		dev_err(&pdev->dev, "does not come up; waiting for a reset or removal\n");
	}
	up_write(&card->reset_lock);
	return;

later:
	down_write(&card->reset_lock);
	if (card->state == LCD_STATE_RESETTING)
		card->state = LCD_STATE_READY; /* with dead queues: looked at again */
up:
	up_write(&card->reset_lock);
}

static void lcd_watchdog(struct work_struct *work)
{
	struct lcd_card *card = container_of(to_delayed_work(work), struct lcd_card, watchdog);
	const char *trouble = NULL;

	down_read(&card->reset_lock);
	if (card->state == LCD_STATE_READY)
		trouble = lcd_diagnose(card);
	up_read(&card->reset_lock);
	if (trouble)
		lcd_repair(card, trouble);
	schedule_delayed_work(&card->watchdog, msecs_to_jiffies(LCD_WATCHDOG_MS));
}

/* One vector for the admin queue and one for each I/O queue, or one for all. */
static int lcd_alloc_vectors(struct lcd_card *card, u32 wanted)
{
	u32 most = single_vector ? 1 : wanted + 1, i;
	int got = pci_alloc_irq_vectors(card->pdev, 1, most, PCI_IRQ_MSIX);

	if (got < 0)
		return dev_err_probe(&card->pdev->dev, got, "no MSI-X vector\n");
	card->vectors = got;
	for (i = 0; i < wanted; i++)
		card->io[i].vector = got > 1 ? 1 + i % (got - 1) : 0;
	return 0;
}

static int lcd_alloc_queues(struct lcd_card *card)
{
	/* Two at least, so that two programs do not wait for each other even on one processor. */
	u32 wanted = min(card->max_queues, clamp(num_online_cpus(), 2u, LCD_MAX_IO_QUEUES)), i;
	int ret;

	if (!wanted)
		return dev_err_probe(&card->pdev->dev, -ENODEV, "CAP.MAX_IOQ: the card has no I/O queue\n");
	ret = lcd_queue_alloc(card, &card->admin, 0, min(card->max_entries, LCD_ADMIN_ENTRIES));
	for (i = 0; i < wanted && !ret; i++) {
		ret = lcd_queue_alloc(card, &card->io[i], i + 1, min(card->max_entries, LCD_IO_ENTRIES));
		card->io_queues = i + 1;
	}
	if (!ret)
		ret = lcd_alloc_vectors(card, wanted);
	if (!ret)
		ret = lcd_queue_irq_request(&card->admin);
	for (i = 0; i < wanted && !ret; i++)
		ret = lcd_queue_irq_request(&card->io[i]);
	return ret;
}

static void lcd_free_queues(struct lcd_card *card)
{
	u32 i;

	lcd_queue_irq_free(&card->admin);
	for (i = 0; i < card->io_queues; i++)
		lcd_queue_irq_free(&card->io[i]);
	pci_free_irq_vectors(card->pdev);
	lcd_queue_free(&card->admin);
	for (i = 0; i < card->io_queues; i++)
		lcd_queue_free(&card->io[i]);
}

static void lcd_forget_events(struct lcd_card *card)
{
	u32 i;

	for (i = 0; i < LCD_EVENTS; i++) {
		if (card->events[i])
			lcd_request_put(card->events[i]);
		card->events[i] = NULL;
	}
}

static int lcd_enable_function(struct pci_dev *pdev)
{
	int ret = pcim_enable_device(pdev);

	if (!ret)
		ret = pcim_iomap_regions(pdev, BIT(LCD_BAR), LCD_NAME);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(56)); /* of a card pointer */
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no BAR0, or no DMA\n");
	if (pci_resource_len(pdev, LCD_BAR) < LC_REG_BYTES)
		return dev_err_probe(&pdev->dev, -ENODEV, "BAR0 is smaller than the register window\n");
	pci_set_master(pdev);
	return 0;
}

static struct lcd_card *lcd_card_new(struct pci_dev *pdev)
{
	struct lcd_card *card = kzalloc(sizeof(*card), GFP_KERNEL);

	if (!card)
		return NULL;
	init_rwsem(&card->reset_lock);
	INIT_WORK(&card->event_work, lcd_event_work);
	INIT_DELAYED_WORK(&card->watchdog, lcd_watchdog);
	mutex_init(&card->files_lock);
	mutex_init(&card->telemetry_lock);
	INIT_LIST_HEAD(&card->files);
	spin_lock_init(&card->memory_lock);
	INIT_LIST_HEAD(&card->memories);
	card->pdev = pci_dev_get(pdev);
	if (lcd_char_prepare(card) < 0) {
		pci_dev_put(pdev);
		kfree(card);
		return NULL;
	}
	return card;
}

/* Quiet, whatever probe had come to. Caller holds reset_lock for writing, or is the only user. */
static void lcd_tear_down(struct lcd_card *card)
{
	lcd_free_queues(card);
	lcd_forget_events(card);
	kfree(card->saved);
	card->saved = NULL;
	pci_clear_master(card->pdev);
}

static int lcd_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct lcd_card *card;
	int ret = lcd_enable_function(pdev);

	if (ret)
		return ret;
	card = lcd_card_new(pdev);
	if (!card)
		return -ENOMEM;
	card->regs = pcim_iomap_table(pdev)[LCD_BAR];
	pci_set_drvdata(pdev, card);
	ret = lcd_probe_registers(card);
	if (!ret)
		ret = lcd_wait_boot(card);
	if (!ret)
		ret = lcd_disable(card); /* before an interrupt of whoever drove it can come */
	if (!ret)
		ret = lcd_alloc_queues(card);
	if (!ret)
		ret = lcd_bring_up(card);
	if (ret)
		goto tear_down;
	pci_save_state(pdev);
	card->saved = pci_store_saved_state(pdev);
	ret = card->saved ? lcd_char_add(card) : -ENOMEM;
	if (ret)
		goto bring_down;
	lcd_hwmon_add(card);
	schedule_delayed_work(&card->watchdog, msecs_to_jiffies(LCD_WATCHDOG_MS));
	dev_info(&pdev->dev, LCD_NAME "%d: %.32s, %u x %u, %u banks, interface %u.%u, %u queues, %u vectors, resets %u\n",
		 card->minor, card->identity.model_name, card->identity.n, card->identity.n, card->identity.banks,
		 card->version >> LC_VERSION_MAJOR_SHIFT,
		 (card->version & LC_VERSION_MINOR) >> LC_VERSION_MINOR_SHIFT, card->io_queues, card->vectors,
		 card->reset_count);
	return 0;

bring_down:
	lcd_bring_down(card, true);
	cancel_work_sync(&card->event_work);
	cancel_delayed_work_sync(&card->watchdog);
tear_down:
	lcd_tear_down(card);
	lcd_memory_revoke_all(card);
	lcd_char_forget(card);
	return ret;
}

static void lcd_remove(struct pci_dev *pdev)
{
	struct lcd_card *card = pci_get_drvdata(pdev);

	lcd_hwmon_remove(card);
	down_write(&card->reset_lock);
	lcd_bring_down(card, card->state == LCD_STATE_READY);
	mutex_lock(&card->files_lock);
	card->state = LCD_STATE_GONE; /* no file opens after this, no call starts */
	mutex_unlock(&card->files_lock);
	up_write(&card->reset_lock);
	lcd_char_remove(card);
	cancel_work_sync(&card->event_work);
	cancel_delayed_work_sync(&card->watchdog);
	lcd_tear_down(card);
	lcd_memory_revoke_all(card);
	lcd_char_forget(card);
}

static void lcd_shutdown(struct pci_dev *pdev)
{
	struct lcd_card *card = pci_get_drvdata(pdev);

	down_write(&card->reset_lock);
	if (card->state == LCD_STATE_READY)
		lcd_bring_down(card, true);
	card->state = LCD_STATE_FAILED;
	up_write(&card->reset_lock);
	pci_clear_master(pdev);
}

/* Between these two the card belongs to whoever resets it. */
static void lcd_stop(struct lcd_card *card)
{
	down_write(&card->reset_lock);
	if (card->state == LCD_STATE_READY)
		lcd_bring_down(card, false);
	card->state = LCD_STATE_RESETTING;
	up_write(&card->reset_lock);
}

static int lcd_start(struct lcd_card *card)
{
	int ret;

	down_write(&card->reset_lock);
	ret = lcd_bring_up(card);
	card->state = ret ? LCD_STATE_FAILED : LCD_STATE_READY;
	if (!ret)
		card->recoveries++;
	up_write(&card->reset_lock);
	return ret;
}

static void lcd_reset_prepare(struct pci_dev *pdev)
{
	dev_info(&pdev->dev, "reset: stopping\n");
	lcd_stop(pci_get_drvdata(pdev));
}

static void lcd_reset_done(struct pci_dev *pdev)
{
	struct lcd_card *card = pci_get_drvdata(pdev);

	if (lcd_start(card))
		dev_err(&pdev->dev, "reset: the card does not come up\n");
	else
		dev_info(&pdev->dev, "reset: up again, cause %u\n", lcd_read(card, LC_REG_RESET_CAUSE));
}

static pci_ers_result_t lcd_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	dev_warn(&pdev->dev, "link error, channel state %u\n", (__force unsigned int)state);
	if (state == pci_channel_io_perm_failure)
		return PCI_ERS_RESULT_DISCONNECT;
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	lcd_stop(pci_get_drvdata(pdev));
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t lcd_mmio_enabled(struct pci_dev *pdev)
{
	return PCI_ERS_RESULT_RECOVERED; /* nothing was stopped: non-fatal errors cost at most a command */
}

static pci_ers_result_t lcd_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return lcd_start(pci_get_drvdata(pdev)) ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void lcd_error_resume(struct pci_dev *pdev)
{
	dev_info(&pdev->dev, "link error: going on\n");
}

static const struct pci_error_handlers lcd_error_handlers = {
	.error_detected = lcd_error_detected,
	.mmio_enabled = lcd_mmio_enabled,
	.slot_reset = lcd_slot_reset,
	.resume = lcd_error_resume,
	.reset_prepare = lcd_reset_prepare,
	.reset_done = lcd_reset_done,
};

static int lcd_suspend(struct device *dev)
{
	lcd_stop(dev_get_drvdata(dev));
	return 0;
}

static int lcd_resume(struct device *dev)
{
	return lcd_start(dev_get_drvdata(dev));
}

static DEFINE_SIMPLE_DEV_PM_OPS(lcd_pm_ops, lcd_suspend, lcd_resume);

static struct pci_driver lcd_driver = {
	.name = LCD_NAME,
	.id_table = lcd_ids,
	.probe = lcd_probe,
	.remove = lcd_remove,
	.shutdown = lcd_shutdown,
	.err_handler = &lcd_error_handlers,
	.driver.pm = pm_sleep_ptr(&lcd_pm_ops),
};

static int __init lcd_init(void)
{
	int ret = lcd_char_init();

	if (ret)
		return ret;
	ret = pci_register_driver(&lcd_driver);
	if (ret)
		lcd_char_exit();
	return ret;
}
module_init(lcd_init);

static void __exit lcd_exit(void)
{
	pci_unregister_driver(&lcd_driver);
	lcd_char_exit();
}
module_exit(lcd_exit);

MODULE_DESCRIPTION("lightcard, a modelled optical compute card");
MODULE_LICENSE("Dual BSD/GPL");
