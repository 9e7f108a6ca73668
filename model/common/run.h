// SPDX-License-Identifier: Apache-2.0
/// How a card is run: fidelity, seed, timing, ageing, numerics. Part of the configuration hash,
/// but for HostConfig, which never shows in a result.
#pragma once

#include <cstdint>
#include <string>

#include "lightcard/model/common/time.h"

namespace lightcard {

enum class Fidelity : std::uint8_t {
    ideal,   ///< exact integers; `quant` adds converters and levels
    stat,    ///< static non-idealities in effective weights, noise as exact moments per output sample
    device,  ///< per cell, per source, sample by sample: slow, what stat is tested against
    timing,  ///< stat's time and energy without its numbers: memories and cells hold nothing, every output is zero
};
enum class Timing : std::uint8_t { lt, at };
enum class Ageing : std::uint8_t { live, frozen, step };
/// Temperature of the photonic dies.
enum class Thermal : std::uint8_t {
    fixed,  ///< that of calibration, always
    loop,   ///< follows what the die dissipates
};
enum class SignedInputs : std::uint8_t { offset, two_pass };
/// How codes reach the light: as the tensors hold them, or as adaptive block floating point, every vector of a tile and
/// every column of weights at its own full range (Basumallik et al., arXiv 2205.06287).
enum class Numerics : std::uint8_t { int8, abfp };
/// What the compiler does with rows and columns that a tile leaves dark: nothing, further copies of its columns (their
/// samples are averaged), or copies of its rows too (more light on the same sum).
enum class Fill : std::uint8_t { off, columns, both };

/// Who computes grouped convolutions: phase-change tiles, of which a group fills little, the digital MAC engine, or
/// whichever costs less.
enum class Depthwise : std::uint8_t { automatic, pcm, digital };

/// Which noise terms are on in `stat` and `device`. All on by default; tests switch them off one at a time.
struct NoiseSources {
    bool levels = true;       ///< PCM level quantisation
    bool programming = true;  ///< programming error
    bool drift = true;
    bool thermal = true;  ///< TIA
    bool shot = true;
    bool rin = true;
    bool dac = true;               ///< DAC noise (ENOB below its bits)
    bool adc_noise = true;         ///< ADC noise (ENOB below its bits)
    bool adc_quantisation = true;  ///< ADC range, clipping and rounding
    bool dac_static = true;        ///< DAC INL, gain and offset
    bool adc_static = true;        ///< ADC INL, gain and offset
    bool read = true;              ///< noise of reading a cell
    bool crosstalk = true;         ///< between lanes, and of crossings
    bool wear = true;              ///< cells that have failed, or can no longer be opened all the way
    bool retention = true;         ///< crystallisation of amorphous cells
};

struct RunConfig {
    Fidelity fidelity = Fidelity::stat;
    bool quant = false;  ///< with ideal: add converter rounding and cell levels
    std::uint64_t seed = 1;
    Timing timing = Timing::lt;
    Ageing ageing = Ageing::frozen;
    Picoseconds ageing_step = 0;     ///< with step: age of every cell
    double ageing_temperature = 35;  ///< C of cells while the ageing clock is moved on by hand (Card::age, step)
    SignedInputs signed_inputs = SignedInputs::offset;
    Thermal thermal = Thermal::fixed;
    Numerics numerics = Numerics::abfp;
    std::uint32_t passes = 1;  ///< conversions of every sample, averaged
    double analog_gain = 0;    ///< G in front of the ADC: full scale / G; 0 = from calibration, a column each
    Fill fill = Fill::off;
    Depthwise depthwise = Depthwise::automatic;
    std::uint32_t weight_slices = 1;  ///< cells a weight, each finer than the last
    NoiseSources noise;
    bool computes() const { return fidelity != Fidelity::timing; }  ///< there are data to compute with
    std::uint32_t at_chunk_vectors = 256;                           ///< with at: vectors a chunk
    bool inject = false;  ///< faults may be injected by an admin command (FEATURES.INJECT)
};

struct HostConfig {
    std::uint32_t threads = 1;
    bool trace = false;
    std::string simd = "auto";  ///< kernels: auto, portable, avx2, avx512_vnni, amx
};

}  // namespace lightcard
