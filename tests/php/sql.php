<?php

/*
 * Runs statements for a test, without the database layer that is tested: standard input is
 * {"dsn", "statements"}, standard output the rows of each statement.
 */

declare(strict_types=1);

$asked = json_decode((string) stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$database = new PDO($asked['dsn'], 'root', '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
if ($database->getAttribute(PDO::ATTR_DRIVER_NAME) === 'mysql') {
    $database->exec("SET NAMES utf8mb4, sql_mode = 'PIPES_AS_CONCAT,STRICT_ALL_TABLES'");
} else {
    $database->exec('PRAGMA journal_mode = OFF');
    $database->exec('PRAGMA synchronous = OFF');
}
$rows = [];
foreach ($asked['statements'] as $statement) {
    $result = $database->query($statement);
    $rows[] = $result->columnCount() > 0 ? $result->fetchAll(PDO::FETCH_NUM) : [];
}
echo json_encode($rows, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
