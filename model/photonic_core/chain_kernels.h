// SPDX-License-Identifier: Apache-2.0
/// The chain for vector instructions: exact sums, what adds to the inputs, noise, converters, statistics. The same bits
/// as the portable functions (sample_chain.cpp, mvm.cpp, read_noise.cpp), operation by operation; fused_mvm.cpp drives
/// it. Plain pointers only: nothing of the standard library may be compiled for an instruction set and shared with
/// other files.
#pragma once

#include <cstdint>

#include "lightcard/model/common/random_kernels.h"

namespace lightcard::photonic_core {

inline constexpr std::uint32_t kGroup = 16;  ///< columns a group of a plane; strides of sums are multiples

struct InputSums {
    std::uint32_t sum, square;
};

/// Vectors of one lane, and where the errors of their DACs go, [row] up to a multiple of 16.
struct CurveJob {
    static constexpr std::uint32_t kMost = 64;
    const std::int8_t* curves;  ///< [row][256 codes] of the lane
    std::uint32_t rows, vectors;
    const std::uint8_t* x[kMost];
    std::int8_t* out[kMost];
};

/// What adds to the input codes of one vector, in dither steps, [row]; buffers hold a multiple of 16 rows.
struct DacErrors {
    const std::uint32_t* words;         ///< one draw a row
    const std::int8_t* curve;           ///< of the DACs at these codes
    const std::uint8_t *below, *above;  ///< codes of the neighbour lanes in this symbol
    float lane_leak;                    ///< of a neighbour's code
    float scale;                        ///< steps a unit of the sum of a word's bytes
};

/// Constants of sixteen columns, zero beyond those in use: one address for all of them.
struct alignas(64) ColumnGroup {
    float imbalance[kGroup], floor_acc[kGroup], inverse_lsb[kGroup];
    std::int32_t floor_light[kGroup];
    std::int32_t gain_high[kGroup];  ///< digital_gain = 65536 high + low
    std::int32_t gain_low[kGroup];   ///< [-2^15, 2^15), in the lower half of the word
};
struct Columns {
    const ColumnGroup* groups;
    const double* lsb;  ///< [cols]
    std::uint32_t cols;
    float dither_step;
    float lowest, highest;  ///< ADC codes
};
/// What one lane's paths and converters make of sixteen columns.
struct alignas(64) LaneGroup {
    float dark[kGroup];       ///< variance without light: receiver, ADC
    float shot[kGroup];       ///< variance a unit of light
    float scale[kGroup];      ///< codes an acc
    float offset[kGroup];     ///< codes
    float crosstalk[kGroup];  ///< weight steps that crossings add to every weight
};

/// Planes of a tile in the form of the kernels, null = not there; inputs of a block of vectors, [vector][stride].
struct PanelProducts {
    const void* first;  ///< AVX-512: the hi plane; AVX2: effective weights, or, of tall tiles, their hi plane
    const void* low;    ///< the lo plane, where it has one of its own
    const void* light;
    const void* dither;                ///< the hi plane once more, against `dither_x`
    const std::int32_t* dither_start;  ///< [cols up to a group] null = 0
    const void* read;                  ///< against `squares`
    const void *x, *dither_x, *squares;
    std::uint32_t depth;   ///< groups of rows of a plane
    std::uint32_t stride;  ///< of inputs
    std::uint32_t groups;  ///< of columns
    std::uint32_t vectors;
};

/// What the samples of one vector have in common beside their sums.
struct VectorTerms {
    const LaneGroup* lane;     ///< [groups]
    std::int32_t* y;           ///< [cols] acc, what the ADC gives
    std::uint32_t counter[4];  ///< of the first column's draw
    std::int32_t light_shift;  ///< light that adds to every column
    std::int32_t read_shift;   ///< adds to every column's `read`
    float x_sum, change, intensity, leak, read_light;
};

/// Columns of one vector whose samples are wanted in front of the ADC, at most a group: all of them if ADCs bend, else
/// those with a sample at an end code.
struct AnalogSamples {
    std::uint32_t vector, col, cols;  ///< the first column, and how many
    const std::int32_t *first, *low;  ///< exact sums, [cols]: hi and lo; without `low` 256 S_hi + S_lo
    const float* analog;              ///< [cols] LSB
};

/// A block of vectors through the chain.
struct Panel {
    PanelProducts products;
    const Columns* columns;
    const VectorTerms* terms;               ///< [vectors]
    const random_kernels::RoundKeys* keys;  ///< of the draws
    std::uint32_t skipped_draws;            ///< of the first block of four, that lie before the first column
    float tilt, read_unit;
    bool bent;  ///< ADCs bend: `samples` does what is behind their inputs
    void (*samples)(void* self, const AnalogSamples& samples);
    void* self;
};

/// Exact sums over samples, in partial sums; `y` is [cols up to a group], a sum a column over at most 64 vectors.
struct SampleSums {
    alignas(64) std::uint64_t light[8] = {}, light2[8] = {}, y2[8] = {}, read[8] = {};
    std::int32_t* y;
};

/// AVX-512: planes are s8, [group of 16 columns][four rows][16 columns][4 rows], inputs u8 in rows of a multiple of 64
/// bytes: vpdpbusd adds four products to a 32-bit sum, without saturation. Unsigned planes are held less 128, and
/// errors of inputs plus 128.
struct ChainKernels {
    /// One vector's codes in the form its kernels multiply, zero up to the row's padding, and their sums.
    InputSums (*inputs)(const std::uint8_t* x, std::uint32_t rows, void* out);
    /// out[v][row] = curves[row][x[v][row]].
    void (*curves)(const CurveJob& job);
    /// The errors of `rows` rows in the form of inputs; returns their sum.
    std::int32_t (*dac_errors)(const DacErrors& errors, std::uint32_t rows, void* out);
    /// table[code] of a vector's codes in that form; returns their sum. `table` has 256 entries.
    std::uint32_t (*squares)(const std::uint8_t* table, const std::uint8_t* x, std::uint32_t rows, void* out);
    /// Fidelity stat. Returns samples at an end code that `panel.samples` was not asked to count.
    std::uint32_t (*noisy)(const Panel& panel, SampleSums& sums);
    /// y[v] = the sum in acc, rounded to the nearest, halves up.
    void (*exact)(const PanelProducts& products, std::uint32_t cols, std::int32_t* const* y);
    /// The ADC alone. Returns samples at an end code.
    std::uint32_t (*quantised)(const PanelProducts& products, const Columns& columns, std::int32_t* const* y);
};

#if defined(__x86_64__)
extern const ChainKernels kChainAvx2;    ///< needs has_avx2()
extern const ChainKernels kChainAvx512;  ///< needs has_avx512()
extern const ChainKernels kChainAmx;     ///< needs has_amx(), and an amx::Tiles on the thread that calls
#endif

/// AVX2: planes and inputs are s16, planes [group of 16 columns][pair of rows][16 columns][2 rows], so that one
/// broadcast pair of inputs meets one pair of weights per column in vpmaddwd. An effective weight is one s16 word: x
/// (256 hi + lo) summed over up to 256 rows fits s32, so both planes take one multiplication; taller tiles take two.
/// (vpmaddubsw would be twice as wide, and saturate.)
namespace avx2 {

/// words[i] = codes[i]; `count` a multiple of 16.
void widen(const std::uint8_t* codes, std::int16_t* words, std::uint64_t count);
/// hi[i] = the hi plane of an effective weight; `count` a multiple of 16.
void high_planes(const std::int16_t* weights, std::int16_t* hi, std::uint64_t count);

}  // namespace avx2

/// AMX: planes and inputs as of AVX-512, planes of a multiple of 64 rows, everything on cache lines. Sixteen vectors
/// against a group of columns are a tile; what is left of a block of vectors is AVX-512's.
namespace amx {

inline constexpr std::uint32_t kVectors = 16;  ///< of a tile
inline constexpr std::uint32_t kPadding = 64;  ///< rows of planes

/// The tile registers of the thread that makes it, set up for multiply(); gives them up when it goes, so that the
/// system need not save them.
class Tiles {
public:
    Tiles();
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
    ~Tiles();
};

/// Exact sums of one group, [kVectors][kGroup] each; those that a panel has no plane for are not written.
struct TileSums {
    std::int32_t *first, *low, *light, *dither, *read;
};
/// Sums of vectors `vector` to `vector` + 15 by columns of group `group`.
void multiply(const PanelProducts& products, std::uint32_t group, std::uint32_t vector, const TileSums& sums);

}  // namespace amx

}  // namespace lightcard::photonic_core
