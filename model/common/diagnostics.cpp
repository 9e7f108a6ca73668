// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/diagnostics.h"

namespace lightcard {

namespace {
/// Texts remembered for "said once". Beyond it new ones are counted only, so that no guest can fill memory.
constexpr std::size_t kSaidOnceLimit = 4096;
}  // namespace

const char* to_string(Severity severity)
{
    switch (severity) {
        case Severity::note:
            return "note";
        case Severity::guest_error:
            return "guest error";
        case Severity::unimplemented:
            return "unimplemented";
        case Severity::internal_error:
            return "internal error";
    }
    return "unknown";
}

void Diagnostics::report(Severity severity, Picoseconds when, std::string component, std::string text)
{
    ++counts_[static_cast<int>(severity)];
    if (severity == Severity::unimplemented) {
        if (said_once_.size() >= kSaidOnceLimit || !said_once_.insert(text).second) return;
    }
    const Diagnostic entry{severity, when, std::move(component), std::move(text)};
    if (kept_.size() == kKept) kept_.erase(kept_.begin());
    kept_.push_back(entry);
    if (handler_) handler_(entry);
}

}  // namespace lightcard
