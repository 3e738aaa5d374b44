// AUTOMATIC1111's picture requests as ours: fields and names that mean the same, neutral values of what we lack, and
// everything else refused by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "own_request.h"

namespace newbie {

struct A1111Request {
  Submission submission;   // its notes: what was taken for something else, too
  OrderedJson parameters;  // as they came, pictures left out: what the answer gives back
  bool send_images = true;
};

enum class A1111Kind { TextToImage, ImageToImage };

// Error{InvalidRequest} naming the field.
A1111Request a1111_request(const Call& call, OrderedJson json, A1111Kind kind);

// A sampler or schedule as A1111's users know it ("Euler a") and as we do ("euler_a"). `is_same` false: the nearest.
struct A1111Name {
  std::string_view theirs, ours;
  bool is_same = true;
};
std::span<const A1111Name> a1111_samplers();
std::span<const A1111Name> a1111_schedules();
std::string_view a1111_sampler_name(std::string_view ours);  // "Euler a"; ours where they have none

}  // namespace newbie
