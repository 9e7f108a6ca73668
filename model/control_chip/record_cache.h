// SPDX-License-Identifier: Apache-2.0
/// Commands of a buffer as they were decoded before. A program is executed again for every batch; a record that comes
/// with the same bytes at the same index passes the same checks, and is not checked again. Every byte is compared, so
/// that it does not matter who has written the buffer meanwhile.
#pragma once

#include <cstring>
#include <vector>

#include "lightcard/model/control_chip/decode.h"

namespace lightcard::control_chip {

class RecordCache {
public:
    static constexpr std::size_t kKept = 8192;  ///< records of a buffer, its first ones: 2 MiB

    /// The command that `record` was decoded to; null: decode it.
    const DecodedCommand* find(std::size_t index, const lc_record& record) const
    {
        if (index >= kept_.size()) return nullptr;
        const auto& command = kept_[index];
        return came_as(command, record) ? &command : nullptr;
    }

    /// What says something else once its pointers are resolved, or has no operands, is not kept.
    void keep(std::size_t index, const lc_record& record, const DecodedCommand& command)
    {
        if (index >= kKept || !came_as(command, record)) return;
        if (index >= kept_.size()) kept_.resize(index + 1);
        kept_[index] = command;
    }

private:
    static bool came_as(const DecodedCommand& command, const lc_record& record)
    {
        return std::visit(
            [&](const auto& operands) {
                if constexpr (sizeof operands == sizeof record.operands) {
                    return std::memcmp(&command.sqe, &record.sqe, sizeof record.sqe) == 0 &&
                           std::memcmp(&operands, record.operands, sizeof operands) == 0;
                }
                return false;
            },
            command.operands);
    }

    std::vector<DecodedCommand> kept_;  ///< [index]; what was not kept has no operands
};

}  // namespace lightcard::control_chip
