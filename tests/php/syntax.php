<?php

/*
 * Prints, a line each, what a file holds that PHP 7.2 does not know: syntax, functions, constants. There is no PHP 7.2
 * to run it with; this looks at the tree that nikic/php-parser makes. Arguments: files.
 */

declare(strict_types=1);

require 'PhpParser/autoload.php';

use PhpParser\Node;
use PhpParser\NodeTraverser;
use PhpParser\NodeVisitorAbstract;
use PhpParser\ParserFactory;

/** Functions of PHP 7.2 that may be called; a new one is added here after a look at the manual. */
const FUNCTIONS = [
    'add_hook', 'array_change_key_case', 'array_fill_keys', 'array_filter', 'array_key_exists', 'array_keys', 'array_map',
    'array_merge', 'array_slice', 'array_unique', 'array_values', 'base64_decode', 'base64_encode', 'bin2hex', 'call_user_func',
    'class_exists', 'count', 'curl_errno', 'curl_exec', 'curl_getinfo', 'curl_init', 'curl_setopt_array', 'define', 'defined', 'dirname',
    'explode', 'fclose', 'flush', 'fopen', 'function_exists', 'get_class', 'gmdate', 'hash_hmac', 'ignore_user_abort',
    'implode', 'in_array', 'is_array', 'is_callable', 'is_file', 'is_int', 'is_object', 'is_string', 'iterator_to_array',
    'json_decode', 'json_encode', 'ksort', 'logactivity', 'method_exists', 'microtime', 'ob_end_clean', 'ob_end_flush', 'ob_get_level',
    'ob_start', 'preg_match', 'random_bytes', 'register_shutdown_function', 'restore_error_handler', 'session_status',
    'session_write_close', 'set_error_handler', 'sort', 'stream_context_create', 'stream_get_meta_data', 'strlen',
    'strncmp', 'strtolower', 'substr', 'time', 'trim', 'usort',
];
const CONSTANTS = [
    'true', 'false', 'null', '__file__', 'case_lower', 'json_invalid_utf8_substitute', 'json_unescaped_slashes', 'php_session_active', 'sort_string',
    'curlinfo_http_code', 'curlopt_connecttimeout_ms', 'curlopt_followlocation', 'curlopt_httpheader', 'curlopt_nosignal',
    'curlopt_post', 'curlopt_postfields', 'curlopt_protocols', 'curlopt_timeout_ms', 'curlopt_writefunction',
    'curlproto_http', 'curlproto_https',
];
const TYPES = ['array', 'bool', 'callable', 'float', 'int', 'iterable', 'object', 'self', 'string', 'void'];

final class Newer extends NodeVisitorAbstract
{
    public $found = [];

    public function enterNode(Node $node)
    {
        $newer = $this->newer($node);
        if ($newer !== null) {
            $this->found[] = $node->getStartLine() . ': ' . $newer;
        }
        return null;
    }

    private function newer(Node $node): ?string
    {
        $new = [
            Node\Expr\ArrowFunction::class, Node\Expr\AssignOp\Coalesce::class, Node\Expr\Match_::class,
            Node\Expr\NullsafeMethodCall::class, Node\Expr\NullsafePropertyFetch::class, Node\Expr\Throw_::class,
            Node\Stmt\Enum_::class, Node\AttributeGroup::class, Node\UnionType::class, Node\IntersectionType::class,
            Node\VariadicPlaceholder::class,
        ];
        foreach ($new as $class) {
            if ($node instanceof $class) {
                return 'syntax ' . $node->getType();
            }
        }
        if ($node instanceof Node\Stmt\Property && $node->type !== null) {
            return 'a typed property';
        }
        if ($node instanceof Node\Param && $node->flags !== 0) {
            return 'a promoted parameter';
        }
        if ($node instanceof Node\Arg && $node->name !== null) {
            return 'a named argument';
        }
        if ($node instanceof Node\Expr\ArrayItem && ($node->unpack || $node->byRef)) {
            return 'a spread or a reference in a list';
        }
        if ($node instanceof Node\Stmt\Catch_ && $node->var === null) {
            return 'a catch without a variable';
        }
        if ($node instanceof Node\Scalar && $node->getAttribute('docLabel') !== null) {
            return 'a heredoc, whose rules changed';
        }
        if ($node instanceof Node\Scalar && strpos((string) $node->getAttribute('rawValue'), '_') !== false
            && !$node instanceof Node\Scalar\String_ && !$node instanceof Node\Scalar\EncapsedStringPart) {
            return 'a number with underscores';
        }
        if ($node instanceof Node\Expr\FuncCall && $node->name instanceof Node\Name
            && !in_array($node->name->toLowerString(), FUNCTIONS, true)) {
            return 'function ' . $node->name;
        }
        if ($node instanceof Node\Expr\ConstFetch && !in_array($node->name->toLowerString(), CONSTANTS, true)) {
            return 'constant ' . $node->name;
        }
        foreach (['type', 'returnType'] as $place) {
            $type = $node->$place ?? null;
            $type = $type instanceof Node\NullableType ? $type->type : $type;
            if ($type instanceof Node\Name && $type->toLowerString() === 'static') {
                return 'type static';
            }
            if ($type instanceof Node\Identifier && !in_array($type->toLowerString(), TYPES, true)) {
                return 'type ' . $type;
            }
        }
        return null;
    }
}

/** A comma before the closing parenthesis of a call came with 7.3, of a parameter list with 8.0. */
function trailingCommas(string $code): array
{
    $found = [];
    $comma = null;
    foreach (PhpToken::tokenize($code) as $token) {
        if ($token->isIgnorable()) {
            continue;
        }
        if ($token->text === ')' && $comma !== null) {
            $found[] = $comma . ': a comma before )';
        }
        $comma = $token->text === ',' ? $token->line : null;
    }
    return $found;
}

foreach (array_slice($argv, 1) as $file) {
    $code = (string) file_get_contents($file);
    $visitor = new Newer();
    $traverser = new NodeTraverser();
    $traverser->addVisitor($visitor);
    $traverser->traverse((new ParserFactory())->create(ParserFactory::ONLY_PHP7)->parse($code));
    foreach (array_merge($visitor->found, trailingCommas($code)) as $found) {
        echo basename($file), ':', $found, "\n";
    }
}
