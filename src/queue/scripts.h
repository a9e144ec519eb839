/*
 * scripts: the Lua of this floor, by name. The rows are made from lua/ by
 * lua2c.awk when the house is built; queue_scripts (queue.h) lists them all.
 */
#ifndef QUEUE_SCRIPTS_H
#define QUEUE_SCRIPTS_H

#include "queue/queue.h"

extern const struct script queue_script_add;
extern const struct script queue_script_amend_data;
extern const struct script queue_script_amend_dedup;
extern const struct script queue_script_amend_delay;
extern const struct script queue_script_amend_log;
extern const struct script queue_script_amend_priority;
extern const struct script queue_script_amend_progress;
extern const struct script queue_script_clean;
extern const struct script queue_script_clear_log;
extern const struct script queue_script_count;
extern const struct script queue_script_doctor_page;
extern const struct script queue_script_doctor_repair;
extern const struct script queue_script_doctor_verify;
extern const struct script queue_script_doctor_vitals;
extern const struct script queue_script_drain;
extern const struct script queue_script_ends;
extern const struct script queue_script_extend;
extern const struct script queue_script_finish;
extern const struct script queue_script_get;
extern const struct script queue_script_leave_parent;
extern const struct script queue_script_limit_ttl;
extern const struct script queue_script_list;
extern const struct script queue_script_metrics;
extern const struct script queue_script_obliterate;
extern const struct script queue_script_page;
extern const struct script queue_script_pause;
extern const struct script queue_script_priorities;
extern const struct script queue_script_promote;
extern const struct script queue_script_read_log;
extern const struct script queue_script_remove;
extern const struct script queue_script_remove_children;
extern const struct script queue_script_resume;
extern const struct script queue_script_retry;
extern const struct script queue_script_retry_all;
extern const struct script queue_script_schedule_advance;
extern const struct script queue_script_schedule_list;
extern const struct script queue_script_schedule_remove;
extern const struct script queue_script_schedule_upsert;
extern const struct script queue_script_settings;
extern const struct script queue_script_stalled;
extern const struct script queue_script_state;
extern const struct script queue_script_take;

#endif
