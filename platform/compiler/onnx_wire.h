// SPDX-License-Identifier: Apache-2.0
/// A look at the wire format before protobuf builds objects from it: two bytes of file can become hundreds of
/// bytes of objects, so their number is bounded first. Allocates nothing.
#pragma once

#include <cstddef>

#include "lightcard/model/common/result.h"

namespace lightcard::compiler {

/// Error: malformed or truncated messages, or more than a million of them (ResNet-50 has a few thousand).
Status check_wire(const void* bytes, std::size_t size);

}  // namespace lightcard::compiler
