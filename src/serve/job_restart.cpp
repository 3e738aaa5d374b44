// JobService and its journal: what is written down when, and what an earlier process left.
#include <utility>

#include "serve/fitting.h"
#include "serve/job_service.h"

namespace newbie {

void JobService::read_journal() {
  for (JobRecord& record : journal_->read(log_)) {
    if (is_final(record.view.state))
      restore(std::move(record), std::nullopt);
    else if (options_.resume)
      resume(std::move(record));
    else
      restore(std::move(record), Error(ErrorKind::Cancelled, "lost: the server stopped before it was finished",
                                       "send it again; with --resume-jobs a server draws such jobs by itself"));
  }
  remove_files(swept());
}

// A job that has ended, or does now with `lost`. Its pictures so far are kept.
void JobService::restore(JobRecord record, std::optional<Error> lost) {
  const auto job = std::make_shared<JobEntry>(std::move(record.view));
  job->quality = record.quality;
  job->journaled = true;
  store_.add(job);
  Calls nobody;
  if (lost) {
    job->view.state = JobState::Queued;  // whatever it was doing, it does no more
    job->request.reset();
    end(*job, JobMove::Fail, std::move(lost), nobody);
    return write_quietly(record_of(*job));
  }
  job->view.text.reset();
  job->view.progress = job->view.state == JobState::Done ? 1 : 0;
  store_.ended(job->view.id, job->view.times.ended);
  if (job->view.error)
    tell(*job, "error", {{"state", to_string(job->view.state)}, {"message", job->view.error->message()}}, nobody);
  else
    tell(*job, "done", {{"state", "done"}, {"pictures", job->view.pictures.size()}, {"progress", 1}}, nobody);
}

// Drawn from the beginning: what the earlier process had finished of it comes out the same.
void JobService::resume(JobRecord record) {
  record.view.pictures.clear();
  record.view.state = JobState::Queued;
  record.view.times.started = 0;
  try {
    auto request = std::make_shared<const GenerateRequest>(options_.read_request(*record.view.text));
    auto plan = std::make_shared<const MemoryPlan>(with_engine(record.view.precision, [&](JobEngine& engine) {
      return prepare_or_say_what_fits(engine, *request, silent_log(), {})->plan();
    }));
    const auto job = std::make_shared<JobEntry>(record.view);
    job->request = std::move(request);
    job->view.plan = std::move(plan);
    job->quality = record.quality;
    job->journaled = true;
    store_.add(job);
    queue_.restore(job->view.owner, job->view.id);
    Calls nobody;
    tell(*job, "queued", {{"id", job->view.id}}, nobody);
    tell_positions(nobody);
  } catch (const Error& error) {
    restore(std::move(record), error);
  }
}

JobRecord JobService::record_of(const JobEntry& job) {
  const Lock lock(mutex_);
  return {job.view, job.quality};
}

// Before the job is there for anybody: what was promised is written down.
void JobService::write_promise(const JobEntry& job) {
  if (!job.journaled) return;
  try {
    journal_->write(record_of(job));
  } catch (const Error& error) {
    count_refusal("not_written");
    throw Refusal(Refused::NotWritten, error.message(), error.hint());
  }
}

void JobService::write_quietly(const JobRecord& record) {
  try {
    journal_->write(record);
  } catch (const Error& failure) {
    log_.warn("job {}: the journal is behind: {}", record.view.id, failure.message());
  }
}

void JobService::persist_picture(const JobEntry& job) { write_quietly(record_of(job)); }

// The record of a job as it will be after `how`. A job that the end of the process interrupts stays unfinished there.
void JobService::persist_ended(const JobEntry& job, JobMove how, const std::optional<Error>& error) {
  if (!job.journaled) return;
  JobRecord record = record_of(job);
  if (record.view.interrupted && how != JobMove::Finish) return;
  record.view.state = after(record.view.state, how).value_or(record.view.state);
  record.view.times.ended = options_.clock();
  record.view.error = error;
  record.view.text.reset();
  write_quietly(record);
}

void JobService::remove_files(const std::vector<JobView>& jobs) {
  if (!journal_) return;
  for (const JobView& job : jobs) journal_->remove(job);
}

}  // namespace newbie
