#include "weights/formats/foreign_bytes.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace newbie {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kConvert = "save it as safetensors; pickles can run code and are never opened";

struct Beginning {
  std::string_view bytes, what, hint;
  ErrorKind kind = ErrorKind::BadFile;
};
constexpr Beginning kBeginnings[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the file itself", "git lfs pull, or download the file"},
    {"<!DOCTYPE", "a web page", "download the file itself"},
    {"<!doctype", "a web page", "download the file itself"},
    {"<html", "a web page", "download the file itself"},
    {"Entry not found", "what a server says of a file that it does not have", "look up its address again"},
    {"{\"error\"", "an error message of a server", "download the file again"},
    {"<?xml", "XML, as a storage server's error is", "download the file again; a private one needs your key"},
    {"<Error>", "an error message of a storage server", "download the file again; a private one needs your key"},
    {"Access to model", "what a server says of a model that it does not give to everyone",
     "accept the model's terms on its page, and download it with your key"},
    {"Repository not found", "what a server says of a model that it does not have", "look up its address again"},
    {"Invalid username or password", "what a server says of a wrong key", "download the file with your key"},
    {"\x1f\x8b", "a gzip archive", "unpack it first"},
    {"BZh", "a bzip2 archive", "unpack it first"},
    {"\xfd"
     "7zXZ",
     "an xz archive", "unpack it first"},
    {"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first"},
    {"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"},
    {"Rar!\x1a\x07", "a RAR archive", "unpack it first"},
    {"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes it (.h5)", "save it as safetensors", ErrorKind::Unsupported},
    {"\x89PNG", "a PNG picture", "give the file of the model"},
    {"PK\x03\x04", "an archive, as PyTorch's pickles are (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02\x8a\x0a", "a PyTorch checkpoint (pickle)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02}q", "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02"
     "ccol",
     "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x04\x95", "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"tjgg", "GGJT, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"GGJT", "GGJT, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"lmgg", "GGML, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"ggml", "GGML, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"fmgg", "GGMF, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
};

// ModelProto of onnx.proto: field 1, ir_version, is a small number, and what follows is a field with a length.
bool is_onnx(std::string_view begin) {
  constexpr char kVersionField = 0x08, kMostVersions = 0x20;
  if (begin.size() < 8 || begin[0] != kVersionField || begin[1] <= 0 || begin[1] > kMostVersions) return false;
  const bool is_length = begin.substr(4, 4) == "\0\0\0\0"sv;  // of a safetensors header, which may begin alike
  constexpr std::string_view kFields = "\x12\x1a\x22\x32\x3a\x42";
  return !is_length && kFields.find(begin[2]) != kFields.npos;
}

bool is_of_zeros(std::string_view begin) {
  constexpr size_t kLooked = 4096;
  return !begin.empty() && std::ranges::all_of(begin.substr(0, kLooked), [](char c) { return c == 0; });
}

}  // namespace

void refuse_foreign_bytes(std::span<const std::byte> file, std::string_view expected, std::string_view where) {
  const std::string_view begin(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Beginning& row : kBeginnings)
    if (begin.starts_with(row.bytes))
      fail_with_hint(row.kind, std::string(row.hint), "{}: expected {}, got {}", where, expected, row.what);
  if (is_onnx(begin))
    fail_with_hint(ErrorKind::Unsupported, "give the weights that it was made from", "{}: expected {}, got ONNX", where,
                   expected);
  if (is_of_zeros(begin))
    fail_with_hint(ErrorKind::BadFile, "a download that was not finished leaves such files: get it again",
                   "{}: expected {}, got zeros", where, expected);
}

}  // namespace newbie
