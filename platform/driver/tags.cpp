// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/tags.h"

#include <iterator>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::driver {

namespace {

constexpr TagName kTags[] = {
    {LC_TAG_FIRMWARE_VERSION, "firmware_version", ""},
    {LC_TAG_UPTIME_NS, "uptime", "ns"},
    {LC_TAG_LAG_NS, "lag", "ns"},
    {LC_TAG_QUEUE_DEPTH, "queue_depth", "commands"},
    {LC_TAG_COMMANDS, "commands", ""},
    {LC_TAG_FAILED_COMMANDS, "failed_commands", ""},
    {LC_TAG_FAULTS, "faults", ""},
    {LC_TAG_TEMP_DIE_MC, "temp_die", "mC"},
    {LC_TAG_TEMP_LIMIT_MC, "temp_limit", "mC"},
    {LC_TAG_TEMP_BOARD_MC, "temp_board", "mC"},
    {LC_TAG_POWER_BOARD_UW, "power_board", "uW"},
    {LC_TAG_ENERGY_UJ, "energy", "uJ"},
    {LC_TAG_POWER_LASER_UW, "power_laser", "uW"},
    {LC_TAG_POWER_STATE, "power_state", ""},
    {LC_TAG_BIAS_UA, "bias", "uA"},
    {LC_TAG_ADC_SAMPLES, "adc_samples", ""},
    {LC_TAG_ADC_CLIPPED, "adc_clipped", ""},
    {LC_TAG_WEAR_PPM, "wear", "ppm"},
    {LC_TAG_CELLS_WRITTEN, "cells_written", ""},
    {LC_TAG_SPARE_ROWS, "spare_rows", ""},
    {LC_TAG_LINK_MTS, "link_rate", "MT/s"},
    {LC_TAG_LINK_LANES, "link_lanes", ""},
    {LC_TAG_LASER_LINES, "laser_lines", ""},
};

}  // namespace

const TagName* find_tag(std::uint16_t tag)
{
    for (const auto& name : kTags)
        if (name.tag == tag) return &name;
    return nullptr;
}

const char* event_name(std::uint32_t type)
{
    constexpr const char* kNames[] = {"?",       "error", "reset", "fault",      "calibration",
                                      "thermal", "power", "wear",  "saturation", "link"};
    static_assert(std::size(kNames) == LC_EVENTS);
    return type < LC_EVENTS ? kNames[type] : "?";
}

}  // namespace lightcard::driver
