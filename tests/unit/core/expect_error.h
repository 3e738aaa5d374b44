// EXPECT_ERROR(statement, kind, part): the statement throws newbie::Error of that kind whose message holds `part`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

#define EXPECT_ERROR(statement, expected_kind, part)                 \
  try {                                                              \
    statement;                                                       \
    ADD_FAILURE() << #statement << " threw nothing";                 \
  } catch (const newbie::Error& caught_error) {                      \
    EXPECT_EQ(caught_error.kind(), expected_kind);                   \
    EXPECT_THAT(caught_error.message(), ::testing::HasSubstr(part)); \
  }                                                                  \
  static_assert(true)
