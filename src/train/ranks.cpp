#include "train/ranks.h"

#include <cstdlib>
#include <string_view>

#include "core/error.h"
#if NEWBIE_MPI
#include "train/mpi/ranks_mpi.h"
#endif

namespace newbie {

std::unique_ptr<Ranks> start_ranks() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");  // Open MPI's mpirun says it to each
  if (size == nullptr || std::string_view(size) == "1") return std::make_unique<Ranks>();
#if NEWBIE_MPI
  return start_mpi_ranks();
#else
  fail_with_hint(ErrorKind::Unsupported, "configure with -DNEWBIE_MPI=ON (Debian: libopenmpi-dev)",
                 "mpirun started {} processes to train together, and this build has no MPI", size);
#endif
}

}  // namespace newbie
