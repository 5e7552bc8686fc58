/* SPDX-License-Identifier: Apache-2.0 */
#include "node/job.h"

static const Text names[JOB_STATES] = {
    [JOB_QUEUED] = TEXT_INIT("queued"),
    [JOB_RUNNING] = TEXT_INIT("running"),
    [JOB_SUSPENDED] = TEXT_INIT("suspended"),
    [JOB_SUCCEEDED] = TEXT_INIT("succeeded"),
    [JOB_FAILED] = TEXT_INIT("failed"),
    [JOB_CANCELLED] = TEXT_INIT("cancelled"),
};

Text job_state_name(JobState state)
{
    ASSERT((unsigned)state < JOB_STATES);
    return names[state];
}

JobState job_state_from_name(Text name)
{
    unsigned state = 0;
    while (state < JOB_STATES && !text_equal(names[state], name))
        state++;
    return (JobState)state;
}

void job_cid(const Hash *id, Cid *out)
{
    cid_from_hash(CODEC_DAG_CBOR, id, out);
}

bool job_id_of_cid(const Cid *cid, Hash *out)
{
    return cid_sha256(cid, CODEC_DAG_CBOR, out);
}
