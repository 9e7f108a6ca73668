// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/link_budget.h"
