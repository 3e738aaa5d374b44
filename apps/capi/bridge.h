// The bridge from C to C++: exceptions become statuses, structs are checked and copied, texts are handed out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "core/error.h"
#include "core/json.h"
#include "newbie.h"

namespace newbie {

// To be called while an exception is handled: what it says, in `*error` unless that is NULL. Without memory for its
// words an error is a status alone.
newbie_status report_exception(newbie_error** error) noexcept;

// Nothing thrown by `work` gets past here.
template <typename Work>
newbie_status guarded(newbie_error** error, Work work) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    work();
    return NEWBIE_OK;
  } catch (...) {
    return report_exception(error);
  }
}

// Writes `defaults` into a caller's struct, as much of it as the caller knows.
template <typename T>
void fill(T* target, size_t struct_size, T defaults) {
  if (target == nullptr || struct_size < sizeof(size_t)) return;
  std::memset(target, 0, struct_size);
  defaults.struct_size = struct_size;
  std::memcpy(target, &defaults, std::min(struct_size, sizeof(T)));
}

// The size a struct had when it was first published; fields after that are new.
template <typename T>
constexpr size_t kFirstVersion = sizeof(T);
template <>
inline constexpr size_t kFirstVersion<newbie_options> = offsetof(newbie_options, dtype);
template <>
inline constexpr size_t kFirstVersion<newbie_plan> = offsetof(newbie_plan, total_stage_count);
template <>
inline constexpr size_t kFirstVersion<newbie_picture> = offsetof(newbie_picture, index);
template <>
inline constexpr size_t kFirstVersion<newbie_callbacks> = offsetof(newbie_callbacks, on_preview);

// A caller's struct as this library knows it. A caller with a newer header may have more fields, all 0; a field added
// later will mean with 0 what the library did before.
template <typename T>
T read(const T* source, const char* what) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (source == nullptr) fail(ErrorKind::InvalidRequest, "{} is NULL", what);
  constexpr size_t kAbsurd = size_t{1} << 16;
  const size_t size = source->struct_size;
  if (size < kFirstVersion<T> || size > kAbsurd)
    fail_with_hint(ErrorKind::InvalidRequest, "fill the struct with its init function",
                   "{}: expected a struct_size of at least {}, got {}", what, kFirstVersion<T>, size);
  const auto* bytes = reinterpret_cast<const unsigned char*>(source);
  if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size, [](unsigned char b) { return b != 0; }))
    fail(ErrorKind::Unsupported, "{}: a field is set that this version of the library does not know", what);
  T out{};
  std::memcpy(&out, source, std::min(size, sizeof(T)));
  return out;
}

inline std::string text(const char* given) { return given == nullptr ? std::string() : std::string(given); }

// Error{InvalidRequest} "`what` is NULL" when it is.
template <typename T>
T& require(T* pointer, const char* what) {
  if (pointer == nullptr) fail(ErrorKind::InvalidRequest, "{} is NULL", what);
  return *pointer;
}

// A JSON object that a caller gave: text that is none is the caller's mistake, and no file's.
OrderedJson parse_given(const char* json, const char* what);

// Copies for the caller, who frees them.
char* new_text(const std::string& words);
char* new_text(const OrderedJson& json);

// Fills `*target` by `make`; messages call it `what`.
template <typename Make>
newbie_status give_text(char** target, const char* what, newbie_error** error, Make make) noexcept {
  if (target != nullptr) *target = nullptr;
  return guarded(error, [&] {
    require(target, what);
    *target = new_text(make());
  });
}
template <typename Make>
newbie_status give_json(char** json, newbie_error** error, Make make) noexcept {
  return give_text(json, "json", error, make);
}

}  // namespace newbie
