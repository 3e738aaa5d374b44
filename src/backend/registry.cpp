#include "backend/registry.h"

namespace newbie {

namespace {

constexpr BackendRow kBackends[] = {
    {BackendChoice::Cpu, "cpu", "oneDNN and our own kernels"},
    {BackendChoice::Reference, "reference", "plain loops, for tests and doubts: slow"},
};

}  // namespace

std::span<const BackendRow> backends() { return kBackends; }

std::unique_ptr<Backend> make_backend(BackendChoice choice) {
  switch (choice) {
    case BackendChoice::Cpu: return make_cpu_backend();
    case BackendChoice::Reference: return make_reference_backend();
  }
  fail(ErrorKind::Internal, "no backend has number {}", static_cast<int>(choice));
}

}  // namespace newbie
