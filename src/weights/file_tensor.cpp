#include "weights/file_tensor.h"

#include "core/float_formats.h"
#include "weights/formats/gguf_blocks.h"

namespace newbie {

void FileTensor::read(size_t first, std::span<float> out) const {
  if (entry->blocks != nullptr) return widen_blocks(*entry->blocks, bytes(), first, out);
  const DType dtype = spec().dtype;
  if (!is_float(dtype)) fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", where(), to_string(dtype));
  convert(dtype, bytes().data() + first * size_of(dtype), DType::F32, reinterpret_cast<std::byte*>(out.data()),
          out.size());
}

}  // namespace newbie
