// Stories the dice found, kept because they once ended badly; as random.mjs
// printed them.

import { after, before, describe, it } from 'node:test';
import { LEVEL } from './both.mjs';
import { Server } from './stage.mjs';
import { Walk } from './walk.mjs';

describe(`told again, level ${LEVEL}`, () => {
	let server, walk;
	before(async () => {
		server = await Server.start();
		walk = await Walk.set(server);
	});
	after(async () => {
		await walk.strike();
		await server.stop();
	});

	const retold = (name, steps) => it(name, () => walk.tell(steps));

	retold('the last prioritized job is given back', [
		{ op: 'add', q: 'hooks', name: 'n', data: {},
			opts: { jobId: 'evt-1', priority: 2 } },
		{ op: 'expire', key: 'bull:hooks:marker' },
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'giveBack', q: 'hooks', id: 'evt-1', token: 't1' },
	]);

	retold('a queue that is not paused is resumed, and goes on', [
		{ op: 'add', q: 'hooks', name: 'n', data: {}, opts: {} },
		{ op: 'expire', key: 'bull:hooks:marker' },
		{ op: 'resume', q: 'hooks' },
		{ op: 'add', q: 'hooks', name: 'n', data: {},
			opts: { delay: 99 } },
	]);

	retold('a parent of a scheduler loses its last child', [
		{ op: 'schedule', q: 'hooks', id: 's1', repeat: { every: 1000 } },
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'add', q: 'parents', name: 'child', data: {}, opts: {
			jobId: 'evt-1', parent: { queue: 'bull:hooks',
				id: 'repeat:s1:1900000000000' } } },
		{ op: 'waitChildren', q: 'hooks', token: 't1',
			id: 'repeat:s1:1900000000000' },
		{ op: 'leaveParent', q: 'parents', id: 'evt-1' },
	]);

	const child = (id, parent) => ({ op: 'add', q: 'hooks', name: 'child',
		data: {}, opts: { jobId: id, failParentOnFailure: true,
			parent: { id: parent, queue: 'bull:hooks' } } });

	retold('a job goes whose failed child has one being worked on', [
		{ op: 'add', q: 'hooks', name: 'top', data: {},
			opts: { jobId: 'top' } },
		child('evt-1', 'top'),
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'take', q: 'hooks', token: 't1' },
		child('evt-2', 'evt-1'),
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'giveBack', q: 'hooks', token: 't1', id: 'top' },
		{ op: 'remove', q: 'hooks', id: 'evt-1', children: true },
		{ op: 'error', q: 'hooks', token: 't1', id: 'evt-1', reason: 'no' },
		{ op: 'remove', q: 'hooks', id: 'top', children: true },
	]);

	retold('a child completes, then fails, then runs again', [
		{ op: 'add', q: 'parents', name: 'top', data: {},
			opts: { jobId: 'top' } },
		{ op: 'add', q: 'hooks', name: 'child', data: {}, opts: {
			jobId: 'evt-1',
			parent: { id: 'top', queue: 'bull:parents' } } },
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'complete', q: 'hooks', token: 't1', id: 'evt-1', value: 1 },
		{ op: 'retryAll', q: 'hooks', state: 'completed', count: 9,
			before: 0 },
		{ op: 'take', q: 'hooks', token: 't1' },
		{ op: 'error', q: 'hooks', token: 't1', id: 'evt-1', reason: 'no' },
		{ op: 'retry', q: 'hooks', id: 'evt-1', from: 'failed',
			made: true, started: false },
	]);
});
