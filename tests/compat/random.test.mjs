// Random stories, told by BullMQ and by us, step by step the same (random.mjs).
// SEED=7 STEPS=2000 tells others; what ends badly is printed as a test for
// retold.test.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { it } from 'node:test';
import { LEVEL } from './both.mjs';

const SEED = Number(process.env.SEED || 1);
const STEPS = Number(process.env.STEPS || 3000);
const SECONDS = Number(process.env.SECONDS || 20);

// The last line a process says; what came before goes on.
async function told(...args) {
	const child = spawn(process.execPath, ['random.mjs', ...args.map(String)],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	let text = '';
	child.stdout.on('data', (more) => { text += more; });
	const code = await new Promise((resolve) => child.once('close', resolve));
	const lines = text.trimEnd().split('\n');
	const last = lines.pop();
	if (lines.length > 0)
		console.log(lines.join('\n'));
	assert.equal(code, 0, text);
	return JSON.parse(last);
}

it(`at random like BullMQ, level ${LEVEL}, from seed ${SEED}`, async (t) => {
	const { stories, steps, bad, used } = await told(SEED, STEPS, SECONDS);
	t.diagnostic(`${stories} stories, ${steps} steps; allowed differences: ${
		JSON.stringify(used)}`);
	assert.deepEqual(bad, [], 'seeds of stories that end badly');
});
