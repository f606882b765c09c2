// Run the operations of an application with AWS's SDK for JavaScript.
// Arguments: the folder that has node_modules, and the URL of the server.
"use strict";
const assert = require("node:assert/strict");
const [folder, endpoint] = process.argv.slice(2);
const sdk = require(`${folder}/node_modules/@aws-sdk/client-s3vectors`);

const client = new sdk.S3VectorsClient({
  endpoint,
  region: "eu-west-1",
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  maxAttempts: 1,
});
const names = { vectorBucketName: "javascript", indexName: "smoke" };

async function main() {
  const { vectorBucketArn } = await client.send(
    new sdk.CreateVectorBucketCommand({ vectorBucketName: "javascript" }),
  );
  assert.match(vectorBucketArn, /^arn:aws:s3vectors:eu-west-1:\d{12}:bucket\/javascript$/);
  await client.send(
    new sdk.CreateIndexCommand({
      ...names,
      dataType: "float32",
      dimension: 2,
      distanceMetric: "cosine",
      metadataConfiguration: { nonFilterableMetadataKeys: ["text"] },
    }),
  );
  const vectors = [0, 1, 2, 3, 4].map((n) => ({
    key: `k${n}`,
    data: { float32: [1, n] },
    metadata: { n, odd: n % 2 === 1, text: `number ${n}`, tags: ["é", "b"] },
  }));
  await client.send(new sdk.PutVectorsCommand({ ...names, vectors }));

  const found = await client.send(
    new sdk.QueryVectorsCommand({
      ...names,
      topK: 2,
      queryVector: { float32: [1, 3] },
      filter: { $and: [{ odd: false }, { tags: "é" }] },
      returnMetadata: true,
      returnDistance: true,
    }),
  );
  assert.deepEqual(found.vectors.map((v) => v.key), ["k4", "k2"]);
  assert.deepEqual(found.vectors[0].metadata, vectors[4].metadata);
  assert.ok(found.vectors[0].distance < found.vectors[1].distance);

  const listed = [];
  for await (const page of sdk.paginateListVectors(
    { client, pageSize: 2 },
    { ...names, returnData: true },
  )) {
    listed.push(...page.vectors);
  }
  assert.deepEqual(listed.map((v) => v.data.float32), vectors.map((v) => v.data.float32));

  await client.send(
    new sdk.TagResourceCommand({ resourceArn: vectorBucketArn, tags: { "a b": "c/d" } }),
  );
  const { tags } = await client.send(
    new sdk.ListTagsForResourceCommand({ resourceArn: vectorBucketArn }),
  );
  assert.deepEqual(tags, { "a b": "c/d" });
  await client.send(
    new sdk.UntagResourceCommand({ resourceArn: vectorBucketArn, tagKeys: ["a b"] }),
  );

  await assert.rejects(client.send(new sdk.GetIndexCommand({ ...names, indexName: "missing" })), {
    name: "NotFoundException",
    message: "The specified index could not be found",
  });
  await assert.rejects(
    client.send(
      new sdk.QueryVectorsCommand({ ...names, topK: 1, queryVector: { float32: [1] } }),
    ),
    (error) => error.name === "ValidationException" && error.fieldList[0].path === "vector",
  );

  await client.send(new sdk.DeleteVectorsCommand({ ...names, keys: ["k0"] }));
  await client.send(new sdk.DeleteIndexCommand(names));
  await client.send(new sdk.DeleteVectorBucketCommand({ vectorBucketArn }));
  console.log("ok");
}

main();
