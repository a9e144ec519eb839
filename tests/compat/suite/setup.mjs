// Runs before each of BullMQ's test files: says what a test connects to, and who
// stands behind BullMQ's classes: their own backend, or ours when QUEUE_SOCKET
// names the peer's socket.

import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, expect } from 'vitest';

const bullmq = await import(resolve('node_modules/bullmq/dist/esm/index.js'));
const connections = await import(resolve('tests/utils/connection-factory.ts'));

connections.setConnectionFactory((options = {}) => bullmq.createIORedisClient(
	new Redis({
		host: '127.0.0.1',
		port: Number(process.env.REDIS_PORT),
		maxRetriesPerRequest: null,
		...options,
	})));

if (process.env.QUEUE_SOCKET) {
	const { counts, stand } = await import('./backend.mjs');
	bullmq.setDefaultBackendFactory((name, options, how) => stand(
		bullmq.createRedisBackend(name, options, how)));
	afterAll(() => {
		const file = expect.getState().testPath?.split('/').pop();
		appendFileSync(process.env.SUITE_COUNTS,
			`${JSON.stringify({ file, ...counts() })}\n`);
	});
}
