// SPDX-License-Identifier: Apache-2.0
/// Elementary functions with the same bits on every CPU and C library: a fixed sequence of IEEE operations in double.
/// Everything that reaches a weight, a gain or a sigma goes through these; libm is only for figures that are printed.
/// Error bounds are those the known-answer test checks, in units in the last place (ulp).
#pragma once

#include <cstddef>

namespace lightcard::det {

double exp(double x);  ///< <= 1 ulp; inf above 709.79, gradual underflow below -708.4 (there <= 1 denormal step)
/// Every one of them replaced by its exp(), several at once.
void exp_each(double* values, std::size_t count);
double log(double x);    ///< <= 1 ulp; -inf at 0, NaN below
double log2(double x);   ///< <= 2 ulp; exact for powers of two
double log10(double x);  ///< <= 2 ulp
double pow10(double x);  ///< <= 2 ulp: 10^x

double from_db(double db);    ///< power ratio 10^(db/10); 0 for -inf
double to_db(double ratio);   ///< 10 log10(ratio)
double normal_pdf(double z);  ///< density of N(0,1)
double normal_cdf(double z);  ///< P(N(0,1) < z), absolute error <= 4e-15

}  // namespace lightcard::det
