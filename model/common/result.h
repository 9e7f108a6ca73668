// SPDX-License-Identifier: Apache-2.0
/// Expected-style results. Everything that parses something from outside (YAML, ONNX, programs,
/// commands, state files) returns one of these; nothing from outside throws, aborts or exits.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace lightcard {

/// What went wrong, where, and the nearest valid choice. Each part may be empty but `what`.
struct Error {
    std::string what;   ///< one sentence, no trailing full stop
    std::string where;  ///< "file:line: path.to.key", "node 'conv1' (Conv)", "byte 0x40 of section weights"
    std::string hint;   ///< nearest valid choice, or what is supported

    std::string message() const
    {
        std::string text = where.empty() ? what : where + ": " + what;
        return hint.empty() ? text : text + " (" + hint + ")";
    }
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}
    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace lightcard
