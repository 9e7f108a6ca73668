// SPDX-License-Identifier: Apache-2.0
// Expected values: 300-bit arithmetic, rounded once to double.
#include "lightcard/model/common/det_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace lightcard::det {
namespace {

struct Known {
    double x, value;
};

// clang-format off
constexpr Known kExp[] = {
    {0x1.0000000000000p+0, 0x1.5bf0a8b145769p+1}, {-0x1.0000000000000p+0, 0x1.78b56362cef38p-2},
    {0x1.0000000000000p-1, 0x1.a61298e1e069cp+0}, {0x1.b7cdfd9d7bdbbp-34, 0x1.000000006df38p+0},
    {-0x1.56e1fc2f8f359p-997, 0x1.0000000000000p+0}, {0x1.62e42fead449cp-2, 0x1.6a09e66640654p+0},
    {0x1.62eb1c432ca58p-2, 0x1.6a0c5906bc779p+0}, {0x1.4000000000000p+3, 0x1.5829dcf950560p+14},
    {-0x1.4000000000000p+3, 0x1.7cd79b5647c9bp-15}, {0x1.9000000000000p+6, 0x1.3494a9b171bf5p+144},
    {-0x1.9000000000000p+6, 0x1.a8c1f14e2af5dp-145}, {0x1.62d999999999ap+9, 0x1.d75ae7a50ee14p+1023},
    {-0x1.6200000000000p+9, 0x1.7c8ab2288c9abp-1022}, {0x1.5e0fbe76c8b44p+9, 0x1.0b9bc66f2e010p+1010},
    {-0x1.ed44ac963f43cp+7, 0x1.22742b8716ed8p-356}, {-0x1.e8cfa7f3e7e86p+8, 0x1.bc0c083bb704ep-706},
    {0x1.a69dd48ce676cp+7, 0x1.ce85f33ad47e9p+304}, {-0x1.2b4b6adca374cp+9, 0x1.561d137b2cc84p-864},
    {0x1.91e0e1fbc8350p+5, 0x1.63735f0564b4bp+72}, {-0x1.78122f320631ep+7, 0x1.a64a737a7c4dap-272},
    {-0x1.356697b9e6a11p+9, 0x1.3228b01887fe0p-893}, {0x1.4d1eefd24f500p+3, 0x1.034d7f617aefap+15},
    {-0x1.43c0c72b7ac83p+9, 0x1.cc3950ce154c2p-935}, {-0x1.73958c43478d0p+6, 0x1.f8b85621e47dbp-135},
    {-0x1.2d19e878f1262p+9, 0x1.2734812c54e8ep-869}, {-0x1.1e803a5ec88aap+9, 0x1.4280ef199758ap-827},
    {-0x1.a6b14a5a9f668p+6, 0x1.75bd7cea6074fp-153}, {0x1.c997cd2df4534p+8, 0x1.1f708ad77ca9ap+660},
    {-0x1.0756b04599207p+9, 0x1.1f15e71133b67p-760}, {-0x1.837727b3a3f5ap+8, 0x1.00fb1d5826348p-559},
    {0x1.64d022420c858p+7, 0x1.4e93667afbdc3p+257}, {0x1.39657146e9b5ap+9, 0x1.34c8fe2efe8e1p+904},
    {0x1.afc6c981e1058p+6, 0x1.a8bf1aaca33dep+155}, {-0x1.214b6f8ea4cc4p+7, 0x1.3f219e760d731p-209},
    {0x1.e7af6b1c4c68cp-1, 0x1.4bcd7ce056065p+1}, {-0x1.d04ca138bf348p-1, 0x1.9d7dd89a3a2ddp-2},
    {0x1.6f125b110bdf4p-1, 0x1.0629c6fbec22fp+1}, {-0x1.aee15394b34dcp-2, 0x1.50252b9161b3ap-1},
    {-0x1.6c48653acace2p-1, 0x1.f6b1b518145e3p-2}, {-0x1.876178b6ec4cep-1, 0x1.dcc7d0dcf73fep-2},
    {-0x1.883aae7092facp-2, 0x1.5d1354ee20db5p-1}, {0x1.43b6a0d74bdd4p-1, 0x1.e1c0994bb2f82p+0},
    {-0x1.46efa9f2cf122p-1, 0x1.0e5dc024a383ap-1}, {0x1.4e3bf92474e68p-3, 0x1.2d61bb1f673f5p+0},
};

constexpr Known kLog[] = {
    {0x1.0000000000000p+1, 0x1.62e42fefa39efp-1}, {0x1.0000000000000p-1, -0x1.62e42fefa39efp-1},
    {0x1.4000000000000p+3, 0x1.26bb1bbb55516p+1}, {0x1.6a09e667f3bccp-1, -0x1.62e42fefa39f1p-2},
    {0x1.6a09e667f3bcdp-1, -0x1.62e42fefa39eep-2}, {0x1.6a09e667f3bcdp+0, 0x1.62e42fefa39f0p-2},
    {0x1.fffffffffffffp-1, -0x1.0000000000000p-53}, {0x1.0000000000001p+0, 0x1.fffffffffffffp-53},
    {0x1.56e1fc2f8f359p-997, -0x1.5963447f87fb5p+9}, {0x1.7e43c8800759cp+996, 0x1.5963447f87fb5p+9},
    {0x0.0000000000001p-1022, -0x1.74385446d71c3p+9}, {0x1.fffffffffffffp+1023, 0x1.62e42fefa39efp+9},
    {0x1.8000000000000p+1, 0x1.193ea7aad030bp+0}, {0x1.d5f0ab4d268f4p+276, 0x1.7fd504760087bp+7},
    {0x1.96d4d876d3f9fp-255, -0x1.6094206246b64p+7}, {0x1.1e76bdf21d252p+95, 0x1.07d87db35611cp+6},
    {0x1.7bff74c0ef015p-872, -0x1.2e03c1d8c08a9p+9}, {0x1.295b63124e706p-878, -0x1.30377be6346f4p+9},
    {0x1.e79ce1814f1f6p-587, -0x1.963ba936cf01cp+8}, {0x1.7ad6f38c73eacp+359, 0x1.f276ab014a879p+7},
    {0x1.9a2da89f9bd2dp-145, -0x1.9023c3c91bda4p+6}, {0x1.7b07025565353p-371, -0x1.00c3e260823cbp+8},
    {0x1.73c1b73d9b55ep+170, 0x1.d8d513acae358p+6}, {0x1.9cbf9601de406p-94, -0x1.02b6734fb1bf5p+6},
    {0x1.df1c7977f1bf0p-400, -0x1.14a1d269925d6p+8}, {0x1.b10aae38a0f94p+0, 0x1.0d22ddb6d096ap-1},
    {0x1.8c69f2e56e8bep+0, 0x1.bfc6ad33fb8ddp-2}, {0x1.bb7753a7dbab2p-1, -0x1.264ddf6d8d4c5p-3},
    {0x1.5c9425fe69761p+0, 0x1.3c1856fa0254cp-2}, {0x1.49aceac7c3fd6p+0, 0x1.030069c9328c0p-2},
    {0x1.d00d84307ca11p+0, 0x1.308c5d212e946p-1}, {0x1.981b63c58b464p+0, 0x1.dd8b5c298c5b1p-2},
    {0x1.dd22de3a75c6cp-1, -0x1.20dc572dd1b78p-4}, {0x1.f8631bb3837e0p+0, 0x1.5b38a94baf4e8p-1},
    {0x1.5aacad312542dp-1, -0x1.8f4bfaa3c4121p-2}, {0x1.208f2557eb0dep+0, 0x1.ea6257d017e48p-4},
    {0x1.a2bdfb606b2e8p+0, 0x1.f7e33f0cc536ap-2}, {0x1.74b96019980c6p-1, -0x1.451b1348e1928p-2},
    {0x1.3bc307543dd45p+0, 0x1.adb146c56d904p-3}, {0x1.1e1c75dc5a94ap-1, -0x1.29f496219a02ap-1},
    {0x1.80984aa3b9ccep+0, 0x1.a0c80ab8c2880p-2}, {0x1.a5985fdac9a28p+0, 0x1.fed74e03ec4acp-2},
    {0x1.5c0abdf5e063ap+0, 0x1.3a8460b0244cfp-2}, {0x1.d02ef88747ed0p+0, 0x1.30b145078004fp-1},
    {0x1.f0f54560a6d8ep-1, -0x1.e88da6ea31b51p-6},
};

constexpr Known kLog2[] = {
    {0x1.8000000000000p+1, 0x1.95c01a39fbd68p+0}, {0x1.4000000000000p+3, 0x1.a934f0979a371p+1},
    {0x1.4f8b588e368f1p-17, -0x1.09c1165ec0627p+4}, {0x1.999999999999ap-4, -0x1.a934f0979a371p+1},
    {0x1.7e43c8800759cp+996, 0x1.f24a09f1a8b89p+9}, {0x1.fffffffffffffp-1, -0x1.71547652b82fep-53},
    {0x1.8afe50d0cefdfp+0, 0x1.4059c27e84585p-1}, {0x1.643cefb7d723dp+0, 0x1.e82373cc8fc0cp-2},
    {0x1.5eae04a640356p+0, 0x1.d0e816c5a2524p-2}, {0x1.2f2ecf134cf58p+0, 0x1.f3cd82b6e4acep-3},
    {0x1.c28c31547e1b8p+0, 0x1.a18de8f45c921p-1}, {0x1.eac1ee2cf5038p+0, 0x1.e0b320511f7cep-1},
    {0x1.360dc3517540cp+0, 0x1.1b01f03ebaa2fp-2}, {0x1.7f08d1831eb84p+0, 0x1.29a421151f5cep-1},
    {0x1.2e98184630f8cp-1, -0x1.847c2bf4d51f6p-1}, {0x1.8d5f78bedc749p+0, 0x1.44c97f81af06cp-1},
    {0x1.787f5adbbdcdap+0, 0x1.1ced18931ba8dp-1}, {0x1.fd594da0b30adp+0, 0x1.fc2a4dbfc3566p-1},
    {0x1.bb9e7e856408ap+0, 0x1.961b6438e3736p-1}, {0x1.da91c224cbd84p-1, -0x1.c09d1aae998f3p-4},
    {0x1.1424d78a93f38p+0, 0x1.bf98bcc6b78adp-4}, {0x1.881d5948f538ap+33, 0x1.0cebca2c9a1b1p+5},
    {0x1.ca08087ddfb3dp-96, -0x1.7ca48dd9f25d9p+6}, {0x1.49c26446771d1p-8, -0x1.e89f6bbcc751dp+2},
    {0x1.c93fa5f542093p-67, -0x1.08a714b821c7bp+6}, {0x1.9a7c297ede3f8p-77, -0x1.3146774000debp+6},
    {0x1.10fd1e75e0260p-88, -0x1.5fa113dcde7c2p+6}, {0x1.60e1ca9b6eba3p+53, 0x1.abb44f6049e0ep+5},
    {0x1.1687d78a1d691p-74, -0x1.2783631f2fda6p+6}, {0x1.9ea10be2149a5p-51, -0x1.926f409fe9900p+5},
};

constexpr Known kLog10[] = {
    {0x1.0000000000000p+1, 0x1.34413509f79ffp-2}, {0x1.f400000000000p+9, 0x1.8000000000000p+1},
    {0x1.c6bf526340000p+49, 0x1.e000000000000p+3}, {0x1.999999999999ap-4, -0x1.0000000000000p+0},
    {0x1.0624dd2f1a9fcp-10, -0x1.8000000000000p+1}, {0x1.8000000000000p+1, 0x1.e8927964fd5fdp-2},
    {0x1.fffffffffffffp-1, -0x1.bcb7b1526e50fp-55}, {0x1.161feb6c01d67p+0, 0x1.26e8936de8597p-5},
    {0x1.cea04407d5130p+0, 0x1.07286a28bd677p-2}, {0x1.3de2edaff89e2p-1, -0x1.a7ee8bc826d1cp-3},
    {0x1.2c7ceb1347679p+0, 0x1.1d07605d7e43ap-4}, {0x1.52fc240d56165p+0, 0x1.f377cc3c0a4b5p-4},
    {0x1.d33829e6928c6p+0, 0x1.0b8d37db7c46fp-2}, {0x1.ba9a7c34aa400p+0, 0x1.e6f67e6995e34p-3},
    {0x1.cbc5211a69191p+0, 0x1.0467670931e22p-2}, {0x1.d5d3cf03d067cp-1, -0x1.31d2200baf25ap-5},
    {0x1.1f794f0f59b52p+0, 0x1.9c8937a0159eap-5}, {0x1.09c4a400c54d0p+0, 0x1.0a73ad6bfe6a9p-6},
    {0x1.d387b11242dcdp+0, 0x1.0bd8e4110ca32p-2}, {0x1.efc4ceeb13797p+0, 0x1.25ed9b639dba6p-2},
    {0x1.73e841e7f76e8p-1, -0x1.1c55afd7748e6p-3}, {0x1.8755d0ae864f1p-1, -0x1.de16deead6a04p-4},
    {0x1.7d4de8c2aa50ap-54, -0x1.015247c8fa5e2p+4}, {0x1.cd5807b2db7a1p-54, -0x1.fffea5ed1ad88p+3},
    {0x1.0080f7da221e8p-3, -0x1.cdf1e68899cc0p-1}, {0x1.b2a68c6056966p+17, 0x1.563bf817864b0p+2},
    {0x1.a340f32edd515p-48, -0x1.c786c81c562d4p+3}, {0x1.1da4f87905b47p-99, -0x1.dc11f4be84d24p+4},
    {0x1.cbc4f02a29e0ap-17, -0x1.373ed4df65768p+2}, {0x1.eb34e5d87a0a1p-27, -0x1.f610f7bb4a3fcp+2},
    {0x1.2ac2bc2432b95p+13, 0x1.fd802731de010p+1},
};

constexpr Known kPow10[] = {
    {0x1.0000000000000p+0, 0x1.4000000000000p+3}, {0x1.0000000000000p+1, 0x1.9000000000000p+6},
    {0x1.8000000000000p+1, 0x1.f400000000000p+9}, {-0x1.0000000000000p+0, 0x1.999999999999ap-4},
    {-0x1.d000000000000p+3, 0x1.c7bb7410560fep-49}, {0x1.999999999999ap-4, 0x1.4248ef8fc2604p+0},
    {0x1.47ae147ae147bp-7, 0x1.05f687901262cp+0}, {-0x1.0b089a0275254p+0, 0x1.72e714b9d0385p-4},
    {0x1.6000000000000p+4, 0x1.0f0cf064dd592p+73}, {-0x1.0000000000000p-1, 0x1.43d136248490fp-2},
    {0x1.2c80000000000p+8, 0x1.2e34f399a87bcp+998}, {-0x1.2c80000000000p+8, 0x1.b1b75833790cap-999},
    {0x1.b2f9589f0f194p+4, 0x1.3d42aa8358ec6p+90}, {0x1.6dbf713e355e0p+3, 0x1.f4e5f6b2e97a3p+37},
    {0x1.dbe59640dc240p-1, 0x1.100ac0a830b6dp+3}, {0x1.c38e605a62478p+2, 0x1.5ad425c34b56fp+23},
    {0x1.524ddd518c600p+3, 0x1.1618a0f6106fcp+35}, {-0x1.ac2ab4e133e7bp+4, 0x1.131865ad1799fp-89},
    {0x1.7f8d3b88847d6p+4, 0x1.8d0e22fac752cp+79}, {0x1.0cc54d5239f1cp+4, 0x1.be6fbb322a6c4p+55},
    {0x1.67885c31ab444p+4, 0x1.90b14efa2f80fp+74}, {0x1.1df54c5b1cd3ep+4, 0x1.4b05c17e17210p+59},
    {-0x1.9d43d6e0ed348p+2, 0x1.76a8499556e0bp-22}, {-0x1.83ebd942d2888p+2, 0x1.d23ac504da510p-21},
    {-0x1.7c9ab94e379e8p+4, 0x1.f88135e335ed0p-80}, {0x1.01d601e01b320p+3, 0x1.b358700724dc0p+26},
    {-0x1.a43df9b12079bp+4, 0x1.ae471a193fa93p-88}, {-0x1.9f58a661d702ep+4, 0x1.b337ba799f380p-87},
    {-0x1.17965c0b1ff16p+4, 0x1.ef3918bbfa64ep-59}, {-0x1.44305e5acf00cp+4, 0x1.9d7ee26638d87p-68},
    {-0x1.3318d42fd3514p+3, 0x1.163d5745ef500p-32}, {-0x1.ad870503b6e62p+4, 0x1.c459ec7506f58p-90},
};

constexpr Known kNormalCdf[] = {
    {0x0.0p+0, 0x1.0000000000000p-1}, {0x1.0000000000000p-1, 0x1.62075e232ac77p-1},
    {-0x1.0000000000000p-1, 0x1.3bf143b9aa712p-2}, {0x1.0000000000000p+0, 0x1.aec4bd120d37dp-1},
    {-0x1.0000000000000p+0, 0x1.44ed0bb7cb20bp-3}, {0x1.4000000000000p+1, 0x1.fcd21635036c6p-1},
    {-0x1.4000000000000p+1, 0x1.96f4e57e49ce4p-8}, {0x1.8000000000000p+1, 0x1.ff4f10f033d25p-1},
    {0x1.4000000000000p+2, 0x1.fffff661ae86fp-1}, {-0x1.4000000000000p+2, 0x1.33ca2f2133831p-22},
    {0x1.0000000000000p+3, 0x1.ffffffffffffap-1}, {-0x1.0000000000000p+3, 0x1.669d2c90d55cep-51},
};
// clang-format on

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::int64_t ordered_bits(double x)
{
    std::int64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
}

template <std::size_t count, typename Function>
void expect_within(const Known (&table)[count], Function function, std::int64_t steps)
{
    for (const Known& known : table)
        EXPECT_LE(std::abs(ordered_bits(function(known.x)) - ordered_bits(known.value)), steps) << known.x;
}

TEST(DetMath, KnownAnswers)
{
    expect_within(kExp, exp, 1);
    expect_within(kLog, log, 1);
    expect_within(kLog2, log2, 1);
    expect_within(kLog10, log10, 1);
    expect_within(kPow10, pow10, 1);
    for (const Known& known : kNormalCdf) EXPECT_NEAR(normal_cdf(known.x), known.value, 4e-15) << known.x;
}

TEST(DetMath, TheKnownAnswerCheckSeesTwoSteps)
{
    const double wrong = std::nextafter(std::nextafter(kExp[0].value, 10), 10);
    EXPECT_EQ(ordered_bits(wrong) - ordered_bits(kExp[0].value), 2);
}

TEST(DetMath, ExactPlaces)
{
    EXPECT_EQ(exp(0.0), 1.0);
    EXPECT_EQ(log(1.0), 0.0);
    EXPECT_EQ(log10(1.0), 0.0);
    EXPECT_EQ(pow10(0.0), 1.0);
    for (int k = -1070; k <= 1023; ++k) EXPECT_EQ(log2(std::ldexp(1.0, k)), k);
    for (int k = 0; k <= 15; ++k) EXPECT_NEAR(log10(std::pow(10.0, k)), k, 4e-15);
    EXPECT_EQ(normal_cdf(0.0), 0.5);
    EXPECT_DOUBLE_EQ(from_db(-10.0), 0.1);
    EXPECT_DOUBLE_EQ(to_db(from_db(3.7)), 3.7);
}

TEST(DetMath, EdgesDoNotTrap)
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(exp(kInfinity), kInfinity);
    EXPECT_EQ(exp(1e6), kInfinity);
    EXPECT_EQ(exp(-kInfinity), 0.0);
    EXPECT_EQ(log(0.0), -kInfinity);
    EXPECT_EQ(log(kInfinity), kInfinity);
    EXPECT_TRUE(std::isnan(log(-1.0)));
    EXPECT_EQ(pow10(-kInfinity), 0.0);
    EXPECT_EQ(from_db(-kInfinity), 0.0);
    EXPECT_EQ(pow10(1e9), kInfinity);
    for (auto* function : {exp, log, log2, log10, pow10, normal_cdf}) EXPECT_TRUE(std::isnan(function(nan)));
    EXPECT_NEAR(exp(-744.0) / 5e-324, 2.0, 1.0);  // denormal
    EXPECT_EQ(normal_cdf(40.0), 1.0);
    EXPECT_EQ(normal_cdf(-40.0), 0.0);
}

TEST(DetMath, SeveralAtOnceAreEachTheSame)
{
    std::mt19937_64 random(7);
    for (const double range : {1e-9, 1.0, 50.0, 707.9, 800.0}) {
        std::uniform_real_distribution<double> anywhere(-range, range);
        std::vector<double> values(1 + random() % 200);
        for (auto& value : values) value = anywhere(random);
        const std::vector<double> from = values;
        exp_each(values.data(), values.size());
        for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], exp(from[i])) << from[i];
    }
}

/// The bits themselves: the same on every CPU, compiler setting and C library, or this fails.
TEST(DetMath, BitsAreFixed)
{
    std::uint64_t hash = 0xcbf29ce484222325ull;
    const auto take = [&](double value) {
        std::uint64_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3ull;
    };
    for (int i = 1; i < 4000; ++i) {
        take(exp(i * 0.34567 - 700));
        take(log(i * 0.0123));
        take(log2(i * 0.0123));
        take(log10(i * 0.0123));
        take(pow10(i * 0.01234 - 20));
        take(normal_cdf(i * 0.004 - 8));
    }
    EXPECT_EQ(hash, 1354659459914186101ull);
}

}  // namespace
}  // namespace lightcard::det
