// SPDX-License-Identifier: Apache-2.0
/// Which card a PCM state file belongs to.
#pragma once

#include "lightcard/model/card/config.h"
#include "lightcard/model/pcm_memory/state_file.h"

namespace lightcard {

inline pcm_memory::CardIdentity pcm_identity(const CardConfig& config)
{
    return {config.name,  config.link.serial_number, config.run.seed,       config.core.n,
            config.cores, config.pcm.banks,          config.pcm.spare_rows, config.pcm.level_bits};
}

}  // namespace lightcard
