// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * The telemetry table in BAR0, and what of it hwmon has a place for: temperatures, power, energy, currents. A value is
 * taken when its low half is read, which latches the high half; one reader at a time. Tags this driver does not know
 * reach programs through LCD_IOC_TELEMETRY all the same.
 */
#include <linux/hwmon.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "lightcard.h"

#define LCD_LABEL_BYTES 16

/* One channel of one hwmon sensor type. */
struct lcd_sensor {
	enum hwmon_sensor_types type;
	u32 attribute;           /* in which the tag's value is seen */
	u16 tag, index;
	u32 entry;               /* of the table */
	int channel;             /* of its type */
	long divisor;            /* from the tag's unit to hwmon's */
	char label[LCD_LABEL_BYTES];
};

struct lcd_hwmon {
	struct lcd_card *card;
	struct device *dev;
	struct hwmon_chip_info chip;
	const struct hwmon_channel_info **infos;
	struct lcd_sensor *sensors;
	u32 count;
};

static const struct lcd_sensor_kind {
	u16 tag;
	enum hwmon_sensor_types type;
	u32 attribute, config, label_attribute;
	long divisor;
	const char *label;
	bool per_core;
} lcd_kinds[] = {
	/* hwmon: millidegrees, microwatts, microjoules, milliamperes */
	{ LC_TAG_TEMP_DIE_MC, hwmon_temp, hwmon_temp_input, HWMON_T_INPUT | HWMON_T_LABEL, hwmon_temp_label, 1, "die", true },
	{ LC_TAG_TEMP_BOARD_MC, hwmon_temp, hwmon_temp_input, HWMON_T_INPUT | HWMON_T_LABEL, hwmon_temp_label, 1, "board", false },
	{ LC_TAG_POWER_BOARD_UW, hwmon_power, hwmon_power_average, HWMON_P_AVERAGE | HWMON_P_LABEL, hwmon_power_label, 1, "board",
	  false },
	{ LC_TAG_POWER_LASER_UW, hwmon_power, hwmon_power_input, HWMON_P_INPUT | HWMON_P_LABEL, hwmon_power_label, 1, "laser",
	  true },
	{ LC_TAG_ENERGY_UJ, hwmon_energy, hwmon_energy_input, HWMON_E_INPUT | HWMON_E_LABEL, hwmon_energy_label, 1, "board",
	  false },
	{ LC_TAG_BIAS_UA, hwmon_curr, hwmon_curr_input, HWMON_C_INPUT | HWMON_C_LABEL, hwmon_curr_label, 1000, "bias", true },
};

/* Holding reset_lock. Where the table is and how long; 0: there is none. */
static u32 lcd_table(struct lcd_card *card, u32 *offset)
{
	u32 count = lcd_read(card, LC_REG_TELEM_COUNT);

	*offset = lcd_read(card, LC_REG_TELEM_PTR);
	if (!(card->features & LC_FEATURES_TELEMETRY) || count == LCD_ALL_ONES || *offset % sizeof(u32) ||
	    *offset > LC_REG_BYTES || count > (LC_REG_BYTES - *offset) / sizeof(struct lc_telemetry))
		return 0;
	return count;
}

/* Holding reset_lock and telemetry_lock. */
static void lcd_read_entry(struct lcd_card *card, u32 table, u32 number, struct lc_telemetry *entry)
{
	u32 at = table + number * sizeof(*entry);
	u32 name = lcd_read(card, at);

	entry->tag = name & 0xffff;
	entry->index = name >> 16;
	entry->rsvd0 = 0;
	entry->value = (s64)lcd_read64(card, at + offsetof(struct lc_telemetry, value));
}

/* LCD_IOC_TELEMETRY, holding reset_lock; the state has been checked. */
long lcd_ioc_telemetry(struct lcd_card *card, void __user *argument)
{
	struct lcd_telemetry telemetry;
	struct lc_telemetry __user *into;
	u32 table, count, i;
	long ret = 0;

	if (copy_from_user(&telemetry, argument, sizeof(telemetry)))
		return -EFAULT;
	into = u64_to_user_ptr(telemetry.entries);
	mutex_lock(&card->telemetry_lock);
	count = lcd_table(card, &table);
	for (i = 0; i < min(count, telemetry.count) && !ret; i++) {
		struct lc_telemetry entry;

		lcd_read_entry(card, table, i, &entry);
		if (copy_to_user(&into[i], &entry, sizeof(entry)))
			ret = -EFAULT;
	}
	mutex_unlock(&card->telemetry_lock);
	telemetry.count = count;
	telemetry.generation = lcd_read(card, LC_REG_TELEM_GEN);
	if (!ret && copy_to_user(argument, &telemetry, sizeof(telemetry)))
		ret = -EFAULT;
	return ret;
}

static const struct lcd_sensor *lcd_find(const struct lcd_hwmon *hwmon, enum hwmon_sensor_types type, int channel)
{
	u32 i;

	for (i = 0; i < hwmon->count; i++)
		if (hwmon->sensors[i].type == type && hwmon->sensors[i].channel == channel)
			return &hwmon->sensors[i];
	return NULL;
}

static umode_t lcd_hwmon_visible(const void *data, enum hwmon_sensor_types type, u32 attribute, int channel)
{
	return 0444; /* only what is there has been announced */
}

static int lcd_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attribute, int channel, long *value)
{
	struct lcd_hwmon *hwmon = dev_get_drvdata(dev);
	struct lcd_card *card = hwmon->card;
	const struct lcd_sensor *sensor = lcd_find(hwmon, type, channel);
	struct lc_telemetry entry;
	int ret = -EIO;
	u32 table;

	if (!sensor || sensor->attribute != attribute)
		return -EOPNOTSUPP;
	down_read(&card->reset_lock);
	mutex_lock(&card->telemetry_lock);
	if (card->state == LCD_STATE_READY && sensor->entry < lcd_table(card, &table)) {
		lcd_read_entry(card, table, sensor->entry, &entry);
		/* All ones are a card that has left meanwhile. */
		ret = entry.tag == sensor->tag && entry.index == sensor->index ? 0 : -EIO;
	}
	mutex_unlock(&card->telemetry_lock);
	up_read(&card->reset_lock);
	if (!ret)
		*value = (long)(entry.value / sensor->divisor);
	return ret;
}

static int lcd_hwmon_label(struct device *dev, enum hwmon_sensor_types type, u32 attribute, int channel, const char **text)
{
	const struct lcd_sensor *sensor = lcd_find(dev_get_drvdata(dev), type, channel);

	if (!sensor)
		return -EOPNOTSUPP;
	*text = sensor->label;
	return 0;
}

static const struct hwmon_ops lcd_hwmon_ops = {
	.is_visible = lcd_hwmon_visible,
	.read = lcd_hwmon_read,
	.read_string = lcd_hwmon_label,
};

static const struct lcd_sensor_kind *lcd_kind(u16 tag)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lcd_kinds); i++)
		if (lcd_kinds[i].tag == tag)
			return &lcd_kinds[i];
	return NULL;
}

/* Which entries of the table hwmon has a place for. */
static int lcd_collect(struct lcd_hwmon *hwmon)
{
	struct lcd_card *card = hwmon->card;
	int channels[hwmon_max] = { };
	u32 table, count, i;

	mutex_lock(&card->telemetry_lock);
	count = lcd_table(card, &table);
	hwmon->sensors = kcalloc(count, sizeof(*hwmon->sensors), GFP_KERNEL);
	for (i = 0; hwmon->sensors && i < count; i++) {
		u32 name = lcd_read(card, table + i * sizeof(struct lc_telemetry));
		const struct lcd_sensor_kind *kind = lcd_kind(name & 0xffff);
		struct lcd_sensor *sensor = &hwmon->sensors[hwmon->count];

		if (!kind)
			continue;
		sensor->type = kind->type;
		sensor->attribute = kind->attribute;
		sensor->tag = kind->tag;
		sensor->index = name >> 16;
		sensor->entry = i;
		sensor->channel = channels[kind->type]++;
		sensor->divisor = kind->divisor;
		if (kind->per_core)
			snprintf(sensor->label, sizeof(sensor->label), "%s %u", kind->label, sensor->index);
		else
			strscpy(sensor->label, kind->label, sizeof(sensor->label));
		hwmon->count++;
	}
	mutex_unlock(&card->telemetry_lock);
	return hwmon->sensors || !count ? 0 : -ENOMEM;
}

static void lcd_free_infos(struct lcd_hwmon *hwmon)
{
	u32 i;

	for (i = 0; hwmon->infos && hwmon->infos[i]; i++) {
		kfree(hwmon->infos[i]->config);
		kfree(hwmon->infos[i]);
	}
	kfree(hwmon->infos);
}

/* The channels of one type, as hwmon wants them announced: a list of flags that ends with 0. */
static struct hwmon_channel_info *lcd_announce_type(const struct lcd_hwmon *hwmon, enum hwmon_sensor_types type)
{
	struct hwmon_channel_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	u32 *config = kcalloc(hwmon->count + 1, sizeof(*config), GFP_KERNEL), i;

	if (!info || !config) {
		kfree(info);
		kfree(config);
		return NULL;
	}
	for (i = 0; i < hwmon->count; i++)
		if (hwmon->sensors[i].type == type)
			config[hwmon->sensors[i].channel] = lcd_kind(hwmon->sensors[i].tag)->config;
	info->type = type;
	info->config = config;
	return info;
}

static int lcd_announce(struct lcd_hwmon *hwmon)
{
	u32 types = 0, type;

	hwmon->infos = kcalloc(hwmon_max + 1, sizeof(*hwmon->infos), GFP_KERNEL);
	if (!hwmon->infos)
		return -ENOMEM;
	for (type = 0; type < hwmon_max; type++) {
		if (!lcd_find(hwmon, type, 0))
			continue;
		hwmon->infos[types] = lcd_announce_type(hwmon, type);
		if (!hwmon->infos[types++])
			return -ENOMEM;
	}
	hwmon->chip.ops = &lcd_hwmon_ops;
	hwmon->chip.info = hwmon->infos;
	return 0;
}

static void lcd_hwmon_free(struct lcd_hwmon *hwmon)
{
	lcd_free_infos(hwmon);
	kfree(hwmon->sensors);
	kfree(hwmon);
}

/* A card without sensors, or a kernel without hwmon, is no reason not to drive it. */
void lcd_hwmon_add(struct lcd_card *card)
{
	struct lcd_hwmon *hwmon;
	int ret;

	if (!IS_REACHABLE(CONFIG_HWMON))
		return;
	hwmon = kzalloc(sizeof(*hwmon), GFP_KERNEL);
	if (!hwmon)
		return;
	hwmon->card = card;
	down_read(&card->reset_lock);
	ret = lcd_collect(hwmon);
	up_read(&card->reset_lock);
	if (!ret)
		ret = lcd_announce(hwmon);
	if (!ret && hwmon->count) {
		hwmon->dev = hwmon_device_register_with_info(&card->pdev->dev, LCD_NAME, hwmon, &hwmon->chip, NULL);
		ret = PTR_ERR_OR_ZERO(hwmon->dev);
	}
	if (ret)
		dev_warn(&card->pdev->dev, "no hwmon sensors: %d\n", ret);
	if (ret || !hwmon->count)
		lcd_hwmon_free(hwmon);
	else
		card->hwmon = hwmon;
}

/* Takes reset_lock in reads that are under way: the caller holds no lock. */
void lcd_hwmon_remove(struct lcd_card *card)
{
	if (!card->hwmon)
		return;
	hwmon_device_unregister(card->hwmon->dev);
	lcd_hwmon_free(card->hwmon);
	card->hwmon = NULL;
}
