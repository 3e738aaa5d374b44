#include "request.h"

#include "diffusion/registry.h"
#include "generate/init_picture.h"

namespace newbie {

namespace {

// Grey as RGB.
Image widened(Image image) {
  if (image.channels != 1) return image;
  Image out{image.width, image.height, 3, {}};
  out.pixels.reserve(image.pixels.size() * 3);
  for (const uint8_t value : image.pixels) out.pixels.insert(out.pixels.end(), 3, value);
  return out;
}

Image pixels_of(const newbie_input& given) {
  if (given.channels != 1 && given.channels != 3 && given.channels != 4)
    fail(ErrorKind::InvalidRequest, "input: {}: expected 1, 3 or 4 channels, got {}", given.field, given.channels);
  if (given.width < 1 || given.height < 1 || given.width > kMaxSide || given.height > kMaxSide)
    fail(ErrorKind::InvalidRequest, "input: {}: expected sides of 1 to {} pixels, got {}x{}", given.field, kMaxSide,
         given.width, given.height);
  if (given.data_bytes != pixel_bytes(given.width, given.height, given.channels))
    fail(ErrorKind::InvalidRequest, "input: {}: {} bytes of pixels do not make {}x{} with {} channels", given.field,
         given.data_bytes, given.width, given.height, given.channels);
  const auto* bytes = static_cast<const uint8_t*>(given.data);
  return widened({given.width, given.height, given.channels, {bytes, bytes + given.data_bytes}});
}

}  // namespace

GenerateRequest request_of(const newbie_request* given) {
  const newbie_request r = read(given, "request");
  GenerateRequest out;
  if (r.prompt == nullptr) fail(ErrorKind::InvalidRequest, "request: there is no prompt");
  out.prompt = r.prompt;
  out.negative_prompt = text(r.negative_prompt);
  if (r.system_prompt != nullptr) out.system_prompt = r.system_prompt;
  out.width = r.width;
  out.height = r.height;
  out.seed = r.seed;
  out.batch = r.batch;
  out.steps = r.steps;
  if (r.sampler != nullptr) out.sampler = find_sampler(r.sampler).name;
  out.schedule = text(r.schedule);
  if (r.sigma_count != 0) {
    if (r.sigmas == nullptr)
      fail(ErrorKind::InvalidRequest, "request: sigma_count is {}, sigmas is NULL", r.sigma_count);
    out.sigmas.assign(r.sigmas, r.sigmas + r.sigma_count);
  }
  out.shift = r.shift;
  out.eta = r.eta;
  out.cfg = r.cfg;
  out.cfg_trunc = r.cfg_trunc;
  out.renorm_cfg = r.renorm_cfg;
  out.rescale_cfg = r.rescale_cfg;
  return out;
}

JsonRequest request_of_json(const char* given, const PictureFiles& files) {
  JsonRequest out;
  const OrderedJson json = parse_given(given, "request");
  out.request = request_from_json(json, {}, [&](const RequestField& field, const std::string& name) {
    out.names[field.name] = name;
    return read_start_picture(name, files.memory_bytes, files.log);
  });
  if (!json.contains("prompt")) fail(ErrorKind::InvalidRequest, "request: there is no prompt");
  return out;
}

void take_input(const newbie_input* given, const PictureFiles& files, GenerateRequest& request) {
  const newbie_input in = read(given, "input");
  require(in.field, "input: field");
  const RequestField* field = find_request_field(in.field);
  if (field == nullptr || field->picture == nullptr)
    fail(ErrorKind::InvalidRequest, "input: '{}' is no picture of a request", in.field);
  if (in.data == nullptr) fail(ErrorKind::InvalidRequest, "input: {}: data is NULL", in.field);
  std::optional<Image>& picture = request.*field->picture;
  if (picture) fail_field(field->name, "", "given twice");
  picture = in.width != 0 ? pixels_of(in)
                          : read_start_picture({static_cast<const std::byte*>(in.data), in.data_bytes},
                                               std::string(field->name), files.memory_bytes, files.log);
}

}  // namespace newbie

using namespace newbie;

void newbie_request_init(newbie_request* request, size_t struct_size) {
  newbie_request defaults{};
  const GenerateRequest d;
  defaults.batch = d.batch;
  defaults.steps = d.steps;
  defaults.shift = d.shift;
  defaults.eta = d.eta;
  defaults.cfg = d.cfg;
  defaults.cfg_trunc = d.cfg_trunc;
  defaults.renorm_cfg = d.renorm_cfg;
  defaults.rescale_cfg = d.rescale_cfg;
  fill(request, struct_size, defaults);
}

void newbie_input_init(newbie_input* input, size_t struct_size) { fill(input, struct_size, newbie_input{}); }

newbie_status newbie_request_fields(char** json, newbie_error** error) {
  return give_json(json, error, [] { return describe_request_fields(); });
}

newbie_status newbie_request_complete(const char* request, char** json, newbie_error** error) {
  return give_json(json, error, [&] {
    const JsonRequest r = request_of_json(request, {memory_left_for_pictures(0), silent_log()});
    check_request(r.request);
    return request_to_json(r.request, [&](const RequestField& field, const Image&) { return r.names.at(field.name); });
  });
}

newbie_status newbie_request_to_json(const newbie_request* request, char** json, newbie_error** error) {
  return give_json(json, error, [&] { return request_to_json(request_of(request)); });
}
