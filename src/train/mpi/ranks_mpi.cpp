// Messages go in pieces, as MPI counts them in ints. A thread of each rank tells the first that it lives, and the first
// tells each: MPI itself waits for ever for a process that was stopped.
#include "train/mpi/ranks_mpi.h"

#define OMPI_SKIP_MPICXX 1  // its C++ bindings are gone from the standard, and warn
#include <mpi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kPiece = size_t{1} << 28;
constexpr int kDataTag = 1, kLifeTag = 2;
constexpr std::chrono::seconds kBeat{2};

class MpiRanks final : public Ranks {
 public:
  MpiRanks() {
    int given = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &given);
    if (given != MPI_THREAD_MULTIPLE) fail(ErrorKind::Unsupported, "this MPI serves one thread alone");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm_dup(MPI_COMM_WORLD, &life_);
    beats_ = std::thread([this] { watch(); });
  }
  ~MpiRanks() override {
    barrier();  // who has ended waits for the others, and is watched meanwhile
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    end_.notify_all();
    beats_.join();
    MPI_Comm_free(&life_);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void exchange(int peer, std::span<const std::byte> to_peer, std::span<std::byte> from_peer) override {
    std::vector<MPI_Request> requests;
    for (size_t at = 0; at < from_peer.size(); at += kPiece) {
      const std::span<std::byte> piece = from_peer.subspan(at, std::min(kPiece, from_peer.size() - at));
      MPI_Irecv(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, peer, kDataTag, MPI_COMM_WORLD,
                &requests.emplace_back());
    }
    for (size_t at = 0; at < to_peer.size(); at += kPiece) {
      const std::span<const std::byte> piece = to_peer.subspan(at, std::min(kPiece, to_peer.size() - at));
      MPI_Isend(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, peer, kDataTag, MPI_COMM_WORLD,
                &requests.emplace_back());
    }
    // Waiting must not take the processor from those that are waited for: several ranks may share it.
    for (MPI_Request& request : requests) wait(request);
  }

  void broadcast(std::span<std::byte> bytes) override {
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      const std::span<std::byte> piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
      MPI_Request request;
      MPI_Ibcast(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, 0, MPI_COMM_WORLD, &request);
      wait(request);
    }
  }

  void barrier() override {
    MPI_Request request;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    wait(request);
  }

  void abandon() override { MPI_Abort(MPI_COMM_WORLD, 1); }

 private:
  static void wait(MPI_Request& request) {
    for (auto pause = std::chrono::microseconds(20);; pause = std::min(2 * pause, std::chrono::microseconds(2000))) {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return;
      std::this_thread::sleep_for(pause);
    }
  }

  bool is_watched(int other) const { return rank_ == 0 ? other != 0 : other == 0; }

  void watch() {
    std::vector<Clock::time_point> heard(static_cast<size_t>(size_), Clock::now());
    std::unique_lock lock(mutex_);
    while (!end_.wait_for(lock, kBeat, [this] { return ended_; })) {
      lock.unlock();
      for (int other = 0; other < size_; ++other) {
        if (!is_watched(other)) continue;
        MPI_Request request;  // a byte: it leaves at once, whether it is received or not
        char beat = 0;
        MPI_Isend(&beat, 1, MPI_CHAR, other, kLifeTag, life_, &request);
        MPI_Request_free(&request);
      }
      for (;;) {
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, kLifeTag, life_, &there, &status);
        if (there == 0) break;
        char beat = 0;
        MPI_Recv(&beat, 1, MPI_CHAR, status.MPI_SOURCE, kLifeTag, life_, MPI_STATUS_IGNORE);
        heard[static_cast<size_t>(status.MPI_SOURCE)] = Clock::now();
      }
      for (int other = 0; other < size_; ++other)
        if (is_watched(other) && Clock::now() - heard[static_cast<size_t>(other)] > std::chrono::seconds(kMostSilence))
          MPI_Abort(MPI_COMM_WORLD, 1);
      lock.lock();
    }
  }

  int rank_ = 0, size_ = 1;
  MPI_Comm life_ = MPI_COMM_NULL;
  std::thread beats_;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Ranks> start_mpi_ranks() { return std::make_unique<MpiRanks>(); }

}  // namespace newbie
