/* What the files of this test share: expectations that are counted, and the checks of each. */
#ifndef NEWBIE_TESTS_CHECKS_H
#define NEWBIE_TESTS_CHECKS_H

#include <newbie.h>

extern int failures;

void expect(int condition, const char* what, int line);
#define EXPECT(condition) expect((condition), #condition, __LINE__)

/* A refusal has a status, words, and leaves nothing behind. */
void expect_refused(newbie_status got, newbie_status want, newbie_error* error, const char* part, int line);
#define EXPECT_REFUSED(call, want, part)                  \
  do {                                                    \
    newbie_error* error = NULL;                           \
    const newbie_status got = (call);                     \
    expect_refused(got, (want), error, (part), __LINE__); \
  } while (0)

/* Jobs draw what newbie_generate draws, which are `pixels`. */
void check_jobs(newbie_engine* engine, const uint8_t* pixels, size_t bytes);

/* What a file says, and files in memory. */
void check_files(const char* picture);

void check_prompts(newbie_engine* engine);

/* Numbers about a picture and itself. */
void check_evaluation(newbie_engine* engine, const char* picture);

#endif
