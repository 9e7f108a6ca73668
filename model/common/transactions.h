// SPDX-License-Identifier: Apache-2.0
/// TLM extensions that the blocks exchange, and the bridge between card time and sc_time. The only header
/// of model/common that needs SystemC.
///
/// One MVM transaction = one batch of vectors through one tile. It passes control chip -> DAC array ->
/// photonic core -> ADC array in one b_transport chain: each block adds its time, its energy and its part of
/// the noise, and the last one computes the result, or says how it is computed. None of them waits. A transaction of no
/// vectors prepares: it is refused if the weights are not there, lights laser and bank, and says in `start` when light
/// can flow.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <systemc>
#include <tlm>

#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/time.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard {

/// Card picoseconds to simulator time and back. The simulator's resolution must divide 1 ps. It is fixed by the time
/// the first module is built, so whoever converts often keeps one of these: asking the simulator anew costs more than
/// the conversion.
class TimeScale {
public:
    TimeScale() : per_ps_(sc_core::sc_time(1, sc_core::SC_PS).value()) {}
    sc_core::sc_time to_sc_time(Picoseconds ps) const
    {
        return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(ps) * per_ps_);
    }
    Picoseconds to_picoseconds(const sc_core::sc_time& time) const
    {
        const auto value = time.value();
        return static_cast<Picoseconds>(per_ps_ == 1 ? value : value / per_ps_);
    }

private:
    sc_dt::uint64 per_ps_;
};

/// The same for code that converts seldom.
inline sc_core::sc_time to_sc_time(Picoseconds ps)
{
    return TimeScale().to_sc_time(ps);
}
inline Picoseconds to_picoseconds(const sc_core::sc_time& time)
{
    return TimeScale().to_picoseconds(time);
}

template <class Derived>
class Extension : public tlm::tlm_extension<Derived> {
public:
    tlm::tlm_extension_base* clone() const override { return new Derived(static_cast<const Derived&>(*this)); }
    void copy_from(const tlm::tlm_extension_base& other) override
    {
        static_cast<Derived&>(*this) = static_cast<const Derived&>(other);
    }
};

/// Lends an extension to a payload for a scope. A payload deletes what it still holds when it is destroyed, so the loan
/// ends on every way out, an exception included.
template <class T>
class ExtensionLoan {
public:
    ExtensionLoan(tlm::tlm_generic_payload& payload, T& extension) : payload_(payload), extension_(extension)
    {
        payload_.set_extension(&extension_);
    }
    ~ExtensionLoan() { payload_.clear_extension(&extension_); }
    ExtensionLoan(const ExtensionLoan&) = delete;
    ExtensionLoan& operator=(const ExtensionLoan&) = delete;

private:
    tlm::tlm_generic_payload& payload_;
    T& extension_;
};

/// Some vectors of a batch, whole symbols of them, with memory of their own.
struct MvmChunk {
    std::uint32_t begin, end;   ///< vectors of the batch
    const std::uint8_t* codes;  ///< [code_passes][end - begin][rows]
    std::int32_t* sums;         ///< [passes][end - begin][cols], to be written
};
/// The product of a batch, to be taken chunk by chunk by whoever has the codes, later and on any thread: chunks share
/// nothing. It keeps the weights as they were when the light was sent; the core's analog chain stays where it is, and
/// who changes it waits for what is under way first.
using MvmProduct = std::function<photonic_core::MvmStats(const MvmChunk&)>;

struct MvmTransaction : Extension<MvmTransaction> {
    // From the control chip.
    std::uint32_t bank = 0;
    std::uint64_t weight_id = 0;
    std::uint32_t rows = 0, cols = 0;
    std::uint32_t vectors = 0;            ///< of this chunk
    std::uint64_t first_vector = 0;       ///< of this chunk within its command
    std::uint64_t first_sample = 0;       ///< sample ordinal of the chunk's vector 0
    double warming = 0;                   ///< K of the photonic die above the temperature of writing the bank
    double detuning = 0;                  ///< K above the temperature that its modulators are locked at
    std::uint32_t passes = 1;             ///< conversions of every sample
    std::uint32_t code_passes = 1;        ///< 2: signed inputs as a positive and a negative pass; these alternate
    const std::uint8_t* codes = nullptr;  ///< [code_passes][vectors][rows] DAC codes; null = timing only
    std::int32_t* sums = nullptr;         ///< [passes][vectors][cols] written by the ADC array
    bool deferred = false;                ///< in the place of codes and sums: `product` is wanted
    Cause cause;
    Picoseconds earliest = 0;   ///< the core is free and the inputs are there
    Picoseconds announced = 0;  ///< since when `earliest` was known: the laser may be lit ahead of it

    // From the photonic core.
    Picoseconds start = 0;       ///< light of the first vector
    Picoseconds stream_end = 0;  ///< the core can take the next vectors
    Picoseconds ready = 0;       ///< last sum has left the ADCs (stream_end + fill and drain)
    Picoseconds waited_laser = 0, waited_switch = 0;
    bool dark = false;        ///< a laser line was out: vectors of its lane are of no use
    bool bank_empty = false;  ///< refused: the bank holds nothing verified
    const pcm_memory::EffectiveTile* tile = nullptr;
    const photonic_core::AnalogChain* chain = nullptr;
    const photonic_core::ColumnGain* gains = nullptr;
    std::shared_ptr<const void> weights;  ///< keeps tile and gains

    // From the ADC array.
    photonic_core::MvmStats stats;  ///< unless deferred
    MvmProduct product;
};

/// Measurements of a core on itself, by the way of the light: control chip -> DAC array -> photonic core -> ADC array.
/// begin takes the readings and says when they are done; their registers are set by commit.
struct CalibrationTransaction : Extension<CalibrationTransaction> {
    enum class Kind : std::uint8_t { begin, commit, abandon };
    /// Bits of `kinds`, as in the ABI.
    static constexpr std::uint32_t kDacs = 1, kAdcs = 2, kColumns = 4, kDrift = 8, kRanges = 16, kSigned = 32;
    static constexpr std::uint32_t kEveryBank = 0xffff;
    Kind kind = Kind::begin;
    std::uint32_t kinds = 0;
    std::uint32_t bank = kEveryBank;
    std::uint32_t samples = 0;  ///< readings of a converter at each of two points; vectors through a bank
    Cause cause;
    Picoseconds earliest = 0;

    Picoseconds start = 0, end = 0;
    std::uint64_t dac_samples = 0, adc_samples = 0;
    std::uint32_t banks = 0;  ///< measured
    // For the ADC array, whose own registers take off what has shifted since it was built.
    std::uint64_t draws = 0;   ///< weight id that the noise of its readings is drawn for
    double reading_error = 0;  ///< rms of the mean of all readings at a point, LSB
};

struct ProgramTransaction : Extension<ProgramTransaction> {
    /// look: fetch of whatever is there. calibrate: set the digital gains of a bank that is still the one of `epoch`.
    enum class Kind : std::uint8_t { begin, commit, abandon, verify, fetch, look, calibrate };
    Kind kind = Kind::begin;
    std::uint32_t bank = 0;
    std::uint64_t weight_id = 0;
    std::uint32_t rows = 0, cols = 0;
    std::vector<std::int8_t> weights;      ///< begin: s8 [cols][rows]; verify: the expectation
    std::vector<std::uint32_t> adc_range;  ///< begin: [cols]
    Cause cause;
    Picoseconds start = 0;  ///< begin: programming starts; abandon: aborted at

    Picoseconds end = 0;      ///< begin: of the last slot; abandon: of the slot under way
    std::uint64_t cells = 0;  ///< cells (to be) written; verify: rows that differ
    bool failed = false;      ///< commit: more cells fail than a bank may have
    bool worn_out = false;
    bool found = false;                    ///< fetch, verify: the bank holds `weight_id`
    bool empty = false;                    ///< fetch, verify: the bank holds nothing verified
    std::vector<float> column_gains;       ///< calibrate; empty = they stay
    std::vector<std::uint32_t> ranges;     ///< calibrate: ADC full scales; empty = they stay
    std::uint64_t epoch = 0;               ///< look, calibrate
    const std::int8_t* targets = nullptr;  ///< look: s8 [cols][rows]
    bool begins = true;                    ///< fetch: of a command, not of one of its chunks
    // fetch, for the photonic core:
    const pcm_memory::EffectiveTile* tile = nullptr;
    const photonic_core::ColumnGain* gains = nullptr;
    std::shared_ptr<const void> keep;  ///< tile and gains stay as long as somebody has this
    double temperature = 0;            ///< C, of the die when the bank was written
};

struct MsixExtension : Extension<MsixExtension> {
    std::uint32_t vector = 0;
};

}  // namespace lightcard
