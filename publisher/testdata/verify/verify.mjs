// Verifies requests as a listener in JavaScript would: reads {secret, requests: [{headers, body}]} from its input, and prints a
// line for each that does not verify, and how many did.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const { secret, requests } = JSON.parse(readFileSync(0, 'utf8'));
const hook = new Webhook(secret);
let good = 0;
requests.forEach(({ headers, body }, n) => {
  try {
    hook.verify(body, headers);
    good++;
  } catch (err) {
    console.log(`request ${n}: ${err.message}`);
  }
});
console.log(`${good} verified`);
