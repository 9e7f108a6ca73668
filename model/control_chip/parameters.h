// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the electronic control chip: scratchpad, engines and their rates, queues.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::control_chip {

/// Who starts a calibration.
enum class CalibrationPolicy : std::uint8_t {
    request,    ///< the driver: CALIBRATE; the card says when it is due
    automatic,  ///< the chip too, before a stream through a bank that is due
};

struct Parameters {
    // Scratchpad SRAM.
    std::uint64_t sram_bytes = 64ull << 20;
    std::uint64_t sram_bandwidth = 64'000'000'000'000;  ///< bytes/s, all local macros together
    double sram_energy = 0.07e-12;                      ///< J a bit
    std::uint32_t psum_bits = 24;                       ///< width of a partial sum in the SRAM traffic
    std::uint32_t input_refill_bits = 4;                ///< second-level refill a sample, beside the 8-bit read

    double sram_area = 0.875e-6;  ///< m^2 a MiB
    double logic_area = 40e-6;    ///< m^2: engines, queues, link and memory interfaces

    // Engines: rate, energy, issue cost.
    double accumulate_energy = 0.147e-12;                ///< J an ADC sample: accumulate and in-line post-processing
    double scale_input_energy = 0.04e-12;                ///< J a DAC code of a scaled vector: maximum and product
    double scale_sum_energy = 0.2e-12;                   ///< J a sum that is scaled back
    Picoseconds scale_latency = 15 * kNanosecond;        ///< of a command with scaled vectors, beside fill and drain
    std::uint64_t vector_rate = 512'000'000'000;         ///< elements/s
    double vector_energy = 1.0e-12;                      ///< J an element
    Picoseconds vector_issue = 50 * kNanosecond;         ///< a vector command, before its first element
    std::uint64_t digital_mac_rate = 4'000'000'000'000;  ///< int8 MAC/s (8 TOPS)
    double digital_mac_energy = 0.1e-12;                 ///< J a MAC
    Picoseconds digital_mac_issue = 100 * kNanosecond;
    Picoseconds command_issue = 10 * kNanosecond;  ///< decode and dispatch of one command
    std::uint64_t dma_chunk = 65'536;              ///< bytes a DMA burst
    Picoseconds dma_issue = 50 * kNanosecond;

    // Calibration.
    CalibrationPolicy calibration = CalibrationPolicy::request;
    std::uint32_t calibration_samples = 256;       ///< readings a point of a converter; vectors through a bank
    Picoseconds calibration_age = 3600 * kSecond;  ///< after which a bank's gains may be off (run.ageing = live)
    double calibration_warming = 10;               ///< K from the last calibration after which they may be off

    // Queues.
    std::uint32_t io_queues = 16;              ///< submission/completion pairs beside the admin pair
    std::uint32_t queue_entries = 1024;        ///< largest ring
    std::uint32_t fetch_burst = 8;             ///< SQEs a read
    Picoseconds boot_time = 1 * kMillisecond;  ///< power-on to BOOT_STATUS.READY
};

}  // namespace lightcard::control_chip
