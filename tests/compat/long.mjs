// long: many random stories, on both levels, as many at a time as the machine
// has processors; run by `make check-compat-long`.
//
//   node long.mjs STEPS [SEED]
//
// Prints what was told, and how often each allowed difference was met; one that
// never was is named, for it may have lost its reason.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { rules } from './differences.mjs';

const PART = 2500; // steps of one process
const SEEDS = 1000; // more than a process can tell

const [steps = 100000, first = 1] = process.argv.slice(2).map(Number);

function sum(into, more) {
	for (const [name, n] of Object.entries(more))
		into[name] = (into[name] ?? 0) + n;
}

// One process; the last line it says, what came before goes on.
async function part(level, seed, n) {
	const child = spawn(process.execPath, ['random.mjs', `${seed}`, `${n}`,
		'3600'], { stdio: ['ignore', 'pipe', 'inherit'],
		env: { ...process.env, LEVEL: `${level}` } });
	let last;
	createInterface({ input: child.stdout }).on('line', (line) => {
		if (last !== undefined)
			console.log(last);
		last = line;
	});
	const code = await new Promise((resolve) => child.once('close', resolve));
	if (code !== 0)
		throw new Error(`level ${level}, seed ${seed}: exit ${code}`);
	return JSON.parse(last);
}

const levels = [6, 5].map((level) => ({ level, stories: 0, steps: 0, bad: [],
	used: Object.fromEntries(rules.map(({ name }) => [name, 0])), ops: {} }));
const parts = [];
for (let i = 0; i * PART < steps; i++)
	for (const told of levels)
		parts.push([told, first + i * SEEDS, Math.min(PART, steps - i * PART)]);
const began = performance.now();
const seconds = () => Math.round((performance.now() - began) / 1000);

async function runner() {
	for (let next; (next = parts.shift());) {
		const [told, seed, n] = next;
		const { used, ops, ...more } = await part(told.level, seed, n);
		told.stories += more.stories;
		told.steps += more.steps;
		told.bad.push(...more.bad);
		sum(told.used, used);
		sum(told.ops, ops);
		console.log(`level ${told.level}: ${told.steps} steps, ${
			told.bad.length} differences, ${seconds()} s`);
	}
}

await Promise.all(Array.from({ length: availableParallelism() }, runner));
for (const { level, stories, steps: n, bad, used, ops } of levels) {
	console.log(`\nlevel ${level}: ${n} steps in ${stories} stories, seeds ${
		first} and up; ${bad.length} unexplained differences${
		bad.length > 0 ? `, seeds ${bad.join(' ')}` : ''}`);
	for (const { name } of rules.filter((rule) =>
		(rule.level ?? level) === level))
		console.log(`  allowed: ${name}: ${used[name] > 0 ?
			`${used[name]} times` : 'NEVER MET'}`);
	console.log(`  ${Object.entries(ops).sort((a, b) => b[1] - a[1])
		.map(([op, times]) => `${op} ${times}`).join(', ')}`);
}
process.exitCode = levels.some(({ bad }) => bad.length > 0) ? 1 : 0;
