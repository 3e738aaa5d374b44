// The one list of backends: their names and how they are made.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "backend/backend.h"

namespace newbie {

enum class BackendChoice { Cpu, Reference };

struct BackendRow {
  BackendChoice choice;
  const char* name;  // as a user writes it
  const char* meaning;
};
std::span<const BackendRow> backends();

std::unique_ptr<Backend> make_backend(BackendChoice choice);

}  // namespace newbie
