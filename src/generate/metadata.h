// What is written into a picture: A1111's `parameters` text, and a JSON entry with everything needed to draw it again.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/json.h"
#include "generate/request.h"
#include "generate/text_to_image.h"

namespace newbie {

// The key of the JSON entry in a PNG.
inline constexpr const char* kRequestKey = "newbie";

// Of its "format". 1 had an object "hires" for the fields of the second pass.
inline constexpr int kRequestFormat = 2;

struct PictureFacts {
  PictureSize size;        // of the first pass
  PictureSize final_size;  // of the picture
  uint64_t seed = 0;
  int index = 0;              // in the batch
  std::string system_prompt;  // the text used
  std::string schedule;
  Resolution precision;                  // of the run
  std::string device;                    // with its driver and kernels; empty: the CPU
  std::vector<GuardEvent> guard_events;  // so far
  TextToImage::Fingerprints parts;
  // With a tolerance: what the picture took (steps of the first pass, those walked again among them), and its distance
  // to the converged one as the solver estimates it.
  int64_t evaluations = 0, steps = 0;
  std::optional<double> estimated_distance;
};

// Tells pictures apart: FNV-1a (64 bit, hex) over width, height, channels and pixels.
std::string picture_hash(const Image& image);

OrderedJson guard_json(std::span<const GuardEvent> events);  // as they stand in pictures and reports

std::string a1111_parameters(const GenerateRequest& request, const PictureFacts& facts);
// What of the JSON entry is known only of a picture that was drawn.
inline constexpr const char* kDrawnKeys[] = {"guard", "evaluations", "estimated_distance"};

std::string request_json(const GenerateRequest& request, const PictureFacts& facts);

}  // namespace newbie
