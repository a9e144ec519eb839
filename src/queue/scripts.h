/*
 * scripts: the Lua of this floor, by name. The rows are made from lua/ by
 * lua2c.awk when the house is built; queue_scripts (queue.h) lists them all.
 */
#ifndef QUEUE_SCRIPTS_H
#define QUEUE_SCRIPTS_H

#include "queue/queue.h"

extern const struct script queue_script_add;
extern const struct script queue_script_count;
extern const struct script queue_script_doctor_page;
extern const struct script queue_script_doctor_repair;
extern const struct script queue_script_doctor_verify;
extern const struct script queue_script_doctor_vitals;
extern const struct script queue_script_extend;
extern const struct script queue_script_finish;
extern const struct script queue_script_get;
extern const struct script queue_script_list;
extern const struct script queue_script_retry;
extern const struct script queue_script_stalled;
extern const struct script queue_script_take;

#endif
