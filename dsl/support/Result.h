// Result<T>: a value, or the Error that prevented it. For the environment (files, processes,
// servers) and for requests that cannot be met; mistakes in an objective are Diagnostics
// (Diagnostic.h), and our own bugs are asserts.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace disco {

/// What went wrong, in one or more complete lines for a person: the place first, then what was
/// seen.
struct [[nodiscard]] Error {
  std::string message;
};

template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T &operator*() & { return value(); }
  const T &operator*() const & { return const_cast<Result *>(this)->value(); }
  T &&operator*() && { return std::move(value()); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &const_cast<Result *>(this)->value(); }

  const Error &error() const {
    assert(!*this && "error() of a successful result");
    return *std::get_if<1>(&state_);
  }

private:
  T &value() {
    assert(*this && "value of a failed result");
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

/// Success without a value.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  explicit operator bool() const { return !error_.has_value(); }
  const Error &error() const {
    assert(error_ && "error() of a successful result");
    return *error_;
  }

private:
  std::optional<Error> error_;
};

} // namespace disco
