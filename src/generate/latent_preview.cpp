#include "generate/latent_preview.h"

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "core/json.h"
#include "image/resize.h"
#include "models/flux_vae/graph.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

std::array<float, 3> colour_of(const Json& json, const std::string& where) {
  std::array<float, 3> out{};
  if (!json.is_array() || json.size() != 3) fail(ErrorKind::BadFile, "{}: expected colours of 3 numbers", where);
  for (size_t c = 0; c < 3; ++c) {
    if (!json[c].is_number()) fail(ErrorKind::BadFile, "{}: expected numbers, got {}", where, json[c].type_name());
    out[c] = json[c].get<float>();
    if (!std::isfinite(out[c])) fail(ErrorKind::BadFile, "{}: a number is out of range", where);
  }
  return out;
}

// Solves the symmetric positive definite A x = b for three right sides, in place, by Cholesky's decomposition.
// False when A is singular to the precision of its numbers.
bool solve_symmetric(std::vector<double>& a, std::vector<std::array<double, 3>>& b) {
  const size_t n = b.size();
  const auto at = [&](size_t row, size_t column) -> double& { return a[row * n + column]; };
  for (size_t j = 0; j < n; ++j) {
    const double original = at(j, j);
    for (size_t k = 0; k < j; ++k) at(j, j) -= at(j, k) * at(j, k);
    if (!(at(j, j) > 1e-12 * original)) return false;
    at(j, j) = std::sqrt(at(j, j));
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) at(i, j) -= at(i, k) * at(j, k);
      at(i, j) /= at(j, j);
    }
  }
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) b[i][c] -= at(i, k) * b[k][c];
      b[i][c] /= at(i, i);
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; ++k) b[i][c] -= at(k, i) * b[k][c];
      b[i][c] /= at(i, i);
    }
  }
  return true;
}

// The top left corner, in whole latent pixels; without alpha.
Image whole_pixels(const Image& image, int64_t step) {
  const int side = static_cast<int>(step), width = image.width / side * side, height = image.height / side * side;
  if (width == 0 || height == 0)
    fail(ErrorKind::InvalidRequest, "a picture of {}x{} has no latent pixel: one is {} wide", image.width, image.height,
         step);
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  out.pixels.reserve(pixel_bytes(width, height, 3));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        out.pixels.push_back(image.pixels[static_cast<size_t>((y * image.width + x) * image.channels + c)]);
  return out;
}

}  // namespace

Image linear_preview(const PreviewFactors& factors, std::span<const float> latent, int64_t h, int64_t w,
                     int64_t downscale) {
  const auto pixels = static_cast<size_t>(h * w);
  std::vector<float> colours(pixels * 3);
  for (size_t i = 0; i < pixels; ++i)
    for (size_t c = 0; c < 3; ++c) {
      float sum = factors.bias[c];
      for (size_t k = 0; k < factors.matrix.size(); ++k) sum += latent[k * pixels + i] * factors.matrix[k][c];
      colours[i * 3 + c] = sum;
    }
  const Image small = from_signed_floats(colours, static_cast<int>(w), static_cast<int>(h));
  return resize_bilinear(small, static_cast<int>(w * downscale), static_cast<int>(h * downscale));
}

fs::path preview_factors_path(const fs::path& vae) {
  constexpr const char* kName = "latent_preview.json";
  if (vae.extension() != ".safetensors") return vae / kName;
  return vae.parent_path() / (vae.stem().string() + "." + kName);
}

std::optional<PreviewFactors> read_preview_factors(const Vae& vae) {
  const fs::path path = preview_factors_path(vae.path);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  const std::string where = path.string();
  const Json json = parse_json(read_file(path, kMaxFileBytes), where);
  if (!json.is_object() || !json.contains("format") || json["format"] != 1)
    fail(ErrorKind::BadFile, "{}: expected an object of format 1", where);
  if (!json.contains("matrix") || !json["matrix"].is_array() || !json.contains("bias"))
    fail(ErrorKind::BadFile, "{}: expected a matrix and a bias", where);
  const auto channels = static_cast<size_t>(vae.sizes.latent_channels);
  if (json["matrix"].size() != channels)
    fail_with_hint(ErrorKind::BadFile, "newbie dev fit-preview makes a new one", "{}: a matrix of {} rows, expected {}",
                   where, json["matrix"].size(), channels);
  PreviewFactors out;
  for (const Json& row : json["matrix"]) out.matrix.push_back(colour_of(row, where + ": matrix"));
  out.bias = colour_of(json["bias"], where + ": bias");
  if (json.contains("rms_error") && json["rms_error"].is_number()) out.rms_error = json["rms_error"].get<double>();
  return out;
}

std::string preview_factors_json(const PreviewFactors& factors) {
  const auto colour = [](const std::array<float, 3>& c) { return fmt::format("[{}, {}, {}]", c[0], c[1], c[2]); };
  std::string rows;
  for (const auto& row : factors.matrix) rows += (rows.empty() ? "\n    " : ",\n    ") + colour(row);
  return fmt::format("{{\n  \"format\": 1,\n  \"matrix\": [{}\n  ],\n  \"bias\": {},\n  \"rms_error\": {:.6f}\n}}\n",
                     rows, colour(factors.bias), factors.rms_error);
}

PreviewFactors solve_preview(std::span<const float> latents, std::span<const float> colours, size_t channels) {
  const size_t rows = colours.size() / 3, n = channels + 1;
  std::vector<double> a(n * n), x(n);
  std::vector<std::array<double, 3>> b(n);
  double squares = 0;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t k = 0; k < channels; ++k) x[k] = latents[row * channels + k];
    x[channels] = 1;
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k <= i; ++k) a[i * n + k] += x[i] * x[k];
      for (size_t c = 0; c < 3; ++c) b[i][c] += x[i] * colours[row * 3 + c];
    }
  }
  for (const float value : colours) squares += double{value} * value;
  const std::vector<std::array<double, 3>> right = b;
  if (rows < n || !solve_symmetric(a, b))
    fail_with_hint(ErrorKind::InvalidRequest, "give more pictures, with more colours",
                   "{} latent pixels do not decide {} factors", rows, 3 * n);
  PreviewFactors out;
  for (size_t k = 0; k < channels; ++k)
    out.matrix.push_back({static_cast<float>(b[k][0]), static_cast<float>(b[k][1]), static_cast<float>(b[k][2])});
  out.bias = {static_cast<float>(b[channels][0]), static_cast<float>(b[channels][1]),
              static_cast<float>(b[channels][2])};
  // |y - X b|² = |y|² - bᵀ Xᵀ y at the minimum
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < 3; ++c) squares -= b[i][c] * right[i][c];
  out.rms_error = std::sqrt(std::max(0.0, squares) / static_cast<double>(colours.size()));
  return out;
}

PreviewFactors fit_preview(const Vae& vae, Runtime& runtime, std::span<const Image> pictures, StopToken stop) {
  const int64_t step = vae.sizes.downscale(), channels = vae.sizes.latent_channels;
  const auto scaling = static_cast<float>(vae.sizes.scaling_factor), shift = static_cast<float>(vae.sizes.shift_factor);
  std::vector<float> latents, colours;
  for (const Image& given : pictures) {
    const Image image = whole_pixels(given, step);
    const int64_t h = image.height / step, w = image.width / step;
    Network encoder(runtime, vae.weights, "vae"), decoder(runtime, vae.weights, "vae");
    const auto run = [&](Network& network, const Graph& graph, const char* input, ConstTensorView value,
                         const char* output, const Shape& shape) {
      const Program program = network.compile(graph);
      network.load(program, stop);
      const Buffer arena = runtime.working_memory().allocate(program.memory().arena_bytes, "autoencoder arena");
      std::vector<float> out(shape.elements());
      Bindings bindings;
      bindings.inputs[input] = value;
      bindings.outputs[output] = {{shape, DType::F32}, reinterpret_cast<std::byte*>(out.data())};
      network.run(program, arena, bindings, stop);
      network.free();
      return out;
    };
    const auto view = [](const std::vector<float>& values, const Shape& shape) {
      return ConstTensorView{{shape, DType::F32}, reinterpret_cast<const std::byte*>(values.data())};
    };
    const Shape picture_shape{image.height, image.width, 3}, latent_shape{channels, h, w};
    const std::vector<float> pixels = to_signed_floats(image);
    std::vector<float> raw = run(encoder, flux_vae_encoder(vae.sizes, image.height, image.width), "picture",
                                 view(pixels, picture_shape), "moments", {2 * channels, h, w});
    raw.resize(raw.size() / 2);  // the means
    const std::vector<float> decoded =
        run(decoder, flux_vae_decoder(vae.sizes, h, w), "latent", view(raw, latent_shape), "picture", picture_shape);
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x) {
        for (int64_t c = 0; c < channels; ++c)
          latents.push_back((raw[static_cast<size_t>((c * h + y) * w + x)] - shift) * scaling);
        std::array<double, 3> sum{};
        for (int64_t row = y * step; row < (y + 1) * step; ++row)
          for (int64_t column = x * step; column < (x + 1) * step; ++column)
            for (size_t c = 0; c < 3; ++c) sum[c] += decoded[static_cast<size_t>(row * image.width + column) * 3 + c];
        for (const double s : sum) colours.push_back(static_cast<float>(s / static_cast<double>(step * step)));
      }
  }
  return solve_preview(latents, colours, static_cast<size_t>(channels));
}

}  // namespace newbie
