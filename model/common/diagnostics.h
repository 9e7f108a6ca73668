// SPDX-License-Identifier: Apache-2.0
/// Three kinds of complaint, told apart as QEMU does: a guest error (host or driver did something the
/// data sheet forbids), unimplemented (the model does not do this; said once per text), and a note.
/// None of them stops anything. Configuration errors are Result<> and come before time starts.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard {

enum class Severity : std::uint8_t { note, guest_error, unimplemented, internal_error };
const char* to_string(Severity severity);

struct Diagnostic {
    Severity severity;
    Picoseconds when;
    std::string component;  ///< path, "control_chip.queues"
    std::string text;
};

class Diagnostics {
public:
    using Handler = std::function<void(const Diagnostic&)>;
    void set_handler(Handler handler) { handler_ = std::move(handler); }

    void report(Severity severity, Picoseconds when, std::string component, std::string text);
    void guest_error(Picoseconds when, std::string component, std::string text)
    {
        report(Severity::guest_error, when, std::move(component), std::move(text));
    }
    void unimplemented(Picoseconds when, std::string component, std::string text)
    {
        report(Severity::unimplemented, when, std::move(component), std::move(text));
    }

    /// The last kKept entries, oldest first, and how many there were of each severity.
    static constexpr std::size_t kKept = 256;
    const std::vector<Diagnostic>& kept() const { return kept_; }
    std::uint64_t count(Severity severity) const { return counts_[static_cast<int>(severity)]; }

private:
    Handler handler_;
    std::vector<Diagnostic> kept_;
    std::set<std::string> said_once_;
    std::uint64_t counts_[4] = {};
};

}  // namespace lightcard
