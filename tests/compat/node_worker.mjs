// node_worker: a BullMQ worker as a process of its own, so that it can be
// killed. Its jobs are done as hooksync-worker's are in fleet.mjs: one PUT of
// the job's data to the sink; an answer that is no 2xx fails the attempt.
//
//   node node_worker.mjs '{"bullmq": "bullmq5", "queue": ..., "redis": SOCKET,
//     "sink": URL, "options": {...}}'

const { bullmq, queue, redis, sink, options } = JSON.parse(process.argv[2]);
const { Worker } = await import(bullmq);

const worker = new Worker(queue, async (job) => {
	const answer = await fetch(`${sink}/log/${job.data.n}`, {
		method: 'PUT', body: JSON.stringify(job.data) });
	if (!answer.ok)
		throw new Error(`the sink said ${answer.status}`);
	return { by: bullmq };
}, {
	connection: { path: redis, maxRetriesPerRequest: null,
		retryStrategy: () => 20 },
	...options,
});
// Redis goes away in these tests: that is no reason to end
worker.on('error', () => {});
process.on('SIGTERM', async () => {
	await worker.close();
	process.exit(0);
});
