// SPDX-License-Identifier: Apache-2.0
/// How the benchmarks of this folder measure: CPU time of the process, medians.
#pragma once

#include <algorithm>
#include <ctime>
#include <vector>

namespace lightcard::bench {

inline double cpu_seconds()
{
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// 0 of none.
inline double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace lightcard::bench
