// The line: bounded, in turns, and nobody's place is lost.
#include "serve/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace newbie {
namespace {

using ::testing::ElementsAre;

TEST(JobQueue, OneOwnersJobsComeInTheirOrder) {
  JobQueue queue(10);
  for (const char* id : {"a", "b", "c"}) queue.push("me", id);
  EXPECT_THAT(queue.order(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue.peek(), "a");
  EXPECT_EQ(queue.pop(), "a");
  EXPECT_EQ(queue.size(), 2u);
}

TEST(JobQueue, OwnersTakeTurns) {
  JobQueue queue(10);
  for (const char* id : {"a1", "a2", "a3", "a4"}) queue.push("a", id);
  queue.push("b", "b1");
  queue.push("b", "b2");
  EXPECT_THAT(queue.order(), ElementsAre("a1", "b1", "a2", "b2", "a3", "a4"));
}

TEST(JobQueue, ComingBackAtOnceIsNoWayToTheFront) {
  JobQueue queue(10);
  queue.push("a", "a1");
  queue.push("b", "b1");
  queue.push("b", "b2");
  EXPECT_EQ(queue.pop(), "a1");
  queue.push("a", "a2");
  EXPECT_THAT(queue.order(), ElementsAre("b1", "a2", "b2"));
}

TEST(JobQueue, IsBounded) {
  JobQueue queue(2);
  EXPECT_TRUE(queue.push("a", "1"));
  EXPECT_TRUE(queue.push("b", "2"));
  EXPECT_FALSE(queue.push("c", "3"));
  queue.restore("c", "3");
  EXPECT_EQ(queue.size(), 3u);
}

TEST(JobQueue, TheFrontIsThatOfOnesOwnJobs) {
  JobQueue queue(10);
  for (const char* id : {"a1", "a2", "a3"}) queue.push("a", id);
  queue.push("b", "b1");
  EXPECT_TRUE(queue.to_front("a3"));
  EXPECT_THAT(queue.order(), ElementsAre("a3", "b1", "a1", "a2"));
  EXPECT_FALSE(queue.to_front("nobody"));
}

TEST(JobQueue, WhoLeavesWaitsNoMore) {
  JobQueue queue(10);
  for (const char* id : {"a1", "a2", "a3"}) queue.push("a", id);
  EXPECT_TRUE(queue.remove("a2"));
  EXPECT_FALSE(queue.remove("a2"));
  EXPECT_THAT(queue.order(), ElementsAre("a1", "a3"));
  queue.remove("a1");
  queue.remove("a3");
  EXPECT_EQ(queue.pop(), std::nullopt);
}

}  // namespace
}  // namespace newbie
