// raw: a job as BullMQ's own classes prepare it, as an item of the peer's `add`:
// its options as they are stored, with every key they have.

const SHORT = {
	deduplication: 'de', debounce: 'de', failParentOnFailure: 'fpof',
	continueParentOnFailure: 'cpof', ignoreDependencyOnFailure: 'idof',
	removeDependencyOnFailure: 'rdof', keepLogs: 'kl',
};

// BullMQ 5 has shortened the keys already, 6 leaves that to its backend.
function stored(opts) {
	const { telemetry, ...rest } = opts;
	const result = {};
	for (const [key, value] of Object.entries(rest)) {
		if (value !== undefined)
			result[SHORT[key] ?? key] = value;
	}
	if (telemetry?.metadata)
		result.tm = telemetry.metadata;
	if (telemetry?.omitContext)
		result.omc = telemetry.omitContext;
	return JSON.stringify(result);
}

// job: an instance of BullMQ's Job, or what its asJSON() gave. more: `base`,
// `children`, `flow`.
export function rawItem(job, more = {}) {
	const json = job.asJSON ? job.asJSON() : job;
	return {
		id: json.id, name: json.name, data: json.data,
		opts: stored(json.opts), timestamp: json.timestamp,
		scheduler: json.repeatJobKey,
		...(json.parent && { parent: JSON.stringify(json.parent) }),
		...more,
	};
}
